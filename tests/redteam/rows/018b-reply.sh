# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The attacker sends first, so that the word looks like a reply'
origin='RESEARCH §2.18'
reason='incoming|older_than_scope'
who=cap
attack() {
    h a env PYTHONPATH="$TOOL" "$PYTHON" -c '
from raw import *
send(ip4("198.18.1.2", 6, tcp("198.18.1.2", 80, 61003, 1000, 2000, ACK | PSH, b"x", src="198.18.3.66"), src="198.18.3.66"))'
    tool tcp.py reply "$1" x
}
