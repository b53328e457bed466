# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Headers longer than the packet, flags that exclude each other, broken options'
origin='RESEARCH §2.15'
reason='ip_form|tcp_sequence|tcp_option'
who=cap sink=s
attack() { tool tcp.py offset "$1"; }
