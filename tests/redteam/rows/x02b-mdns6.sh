# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='mDNS over IPv6, to a listener on the same link'
origin='issue 4; RESEARCH §2.44'
reason='link_local_names'
sink=g forms='output run'
attack() { tool send.py group ff02::fb 5353 "$1"; }
