# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A membership report by a 32-bit call, its arguments behind a pointer'
origin='found here'
reason='silent: the call is not there'
forms=run sink=g verdict=masked
[ "$(uname -m)" = x86_64 ] || cannot='only x86 has socketcall beside the calls that it stands for'
attack() { tool send.py member32 "$1"; }
arrived() { tcpdump -n -x -r "$T/g.pcap" 'ip proto 2' 2> /dev/null | grep -q "${1: -8:4} ${1: -4}"; }
