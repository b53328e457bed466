# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# A stranger who can send in the resolver's name answers a question that the job left open (its server is slow), trying ids.
title='A forged answer of a stranger, in the name of the resolver' origin='RESEARCH §2.41; §6, bullfrog'
reason='answer_forged|dns_answer_unasked'
prepare() { strangers_pass; }
attack() { stranger_answers "$1" 20; }
