# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='EDNS options of 4,000 and 60,000 bytes' origin='RESEARCH §2.35'
sink=s reason='silent: the question goes on, its options do not' verdict=stripped
attack() { tool dnswire.py query oversize "$1"; }
