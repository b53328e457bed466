# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Upgrades to TLS, connect-udp and an unknown protocol' origin='RESEARCH §2.67'
sink=s reason='http_upgrade' 
attack() { tool webwire.py upgrades "$1"; }
