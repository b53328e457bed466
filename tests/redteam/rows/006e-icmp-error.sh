# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Data in an ICMP error about a connection of its own'
origin='ours'
reason='protocol'
who=cap sink=s
attack() { tool ip.py icmp_error "$1"; }
