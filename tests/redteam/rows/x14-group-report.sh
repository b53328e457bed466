# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A membership report of the kernel, the word as its source address'
origin='found here'
reason='silent: group membership with sources is refused'
forms=run sink=g verdict=masked
attack() { tool send.py member "$1"; }
arrived() { tcpdump -n -x -r "$T/g.pcap" 'ip proto 2' 2> /dev/null | grep -q "${1: -8:4} ${1: -4}"; }
