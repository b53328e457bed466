# shellcheck shell=bash disable=SC2016,SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='scapy: a datagram in fragments of 8 bytes, the last first'
origin='scapy 2.5 (Debian); RFC 1858'
reason='not_resolved'
who=root
forms=forward # it writes to a packet socket: in the host's own namespace that needs a capability that no job gets (071)
prepare() { [ -d "$TOOLS/python3-scapy/usr/lib/python3/dist-packages/scapy" ] || skip "no scapy in $TOOLS"; }
SCAPY='
import sys
from scapy.all import IP, UDP, Raw, conf, fragment, send
conf.verb = 0
for piece in reversed(fragment(IP(dst="198.18.3.66") / UDP(sport=7333, dport=9999) / Raw(sys.argv[1].encode()), fragsize=8)):
    send(piece)'
attack() { client env HOME=/nonexistent PYTHONPATH="$TOOLS/python3-scapy/usr/lib/python3/dist-packages" "$PYTHON" -c "$SCAPY" "$1"; }
