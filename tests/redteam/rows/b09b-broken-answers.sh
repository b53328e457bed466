# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Broken answers of a stranger in the name of the resolver: two questions, endless names, lengths that do not fit' origin='RESEARCH §6, bullfrog; §2.41'
reason='dns_answer_unasked|answer_forged|not_resolved'
prepare() { strangers_pass; }
attack() { stranger_answers "$1" 8 broken; }
