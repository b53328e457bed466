# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A FIN that dies on the way, then the hello'
origin='RESEARCH §2.13; Geneva'
reason='tcp_sequence|not_in_allowlist'
who=cap sink=s
attack() { tool tcp.py fin_low_ttl "$1"; }
