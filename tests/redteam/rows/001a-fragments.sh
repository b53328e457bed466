# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A datagram in fragments'
origin='RESEARCH §2.1; Ptacek and Newsham 1998'
reason='not_resolved'
attack() { tool send.py udp 198.18.3.66 9999 "$1" 4000; }
