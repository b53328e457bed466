# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Data in an ICMP error about a connection of its own'
origin='ours'
reason='silent: it goes on as a copy that quotes no more than a receiver needs'
who=cap sink=s verdict=trimmed
attack() { tool ip.py icmp_error "$1"; }
