# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Data on a SYN by hand'
origin='RESEARCH §2.16'
reason='silent: payload on a SYN is cut off'
who=cap sink=s verdict=trimmed
attack() { tool tcp.py syn_data "$1"; }
