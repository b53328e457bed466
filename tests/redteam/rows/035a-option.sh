# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Unknown EDNS options, 16 and 400 bytes' origin='RESEARCH §2.35; §6, bullfrog'
sink=s reason='silent: the question goes on, its options do not' verdict=stripped
attack() { tool dnswire.py query option "$1"; }
