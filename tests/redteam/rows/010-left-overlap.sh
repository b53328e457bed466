# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A decoy hello left of the window, the real one behind it in the same segment'
origin='RESEARCH §2.10'
reason=tcp_sequence
who=cap sink=s
attack() { tool tcp.py left_overlap "$1"; }
