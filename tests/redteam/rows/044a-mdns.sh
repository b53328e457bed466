# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A word in mDNS, over IPv4 and IPv6' origin='RESEARCH §2.44'
sink=g reason=link_local_names forms=output
attack() { tool sockets.py multicast "$1" 5353 224.0.0.251 ff02::fb; }
