# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A word in SSDP' origin='RESEARCH §2.44'
sink=g reason=link_local_names forms=output
attack() { tool sockets.py multicast "$1" 1900 239.255.255.250 ff02::c; }
