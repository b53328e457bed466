# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Datagrams to the ports of NTP, STUN and WireGuard'
origin='RESEARCH §2.70'
reason=not_resolved forms='output forward run'
attack() { for port in 123 3478 51820; do tool send.py udp 198.18.3.66 $port "$1"; done; }
