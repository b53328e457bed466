# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The same in one segment by hand'
origin='RESEARCH §2.14'
reason='tcp_urgent'
who=cap sink=s
attack() { tool tcp.py raw_urgent "$1"; }
