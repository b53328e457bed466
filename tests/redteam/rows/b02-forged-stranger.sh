# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A forged answer, sent unasked by a stranger' origin='RESEARCH §6, bullfrog'
reason='not_resolved'
prepare() { strangers_pass; }
attack() { h a "$PYTHON" "$TOOL/dnswire.py" stranger "$1" 3 && client curl -sk --max-time 20 --resolve allowed.test:443:198.18.3.66 "https://allowed.test/$1"; }
