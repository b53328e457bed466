# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A cookie and a server id as words' origin='RESEARCH §2.35'
sink=s reason='silent: the question goes on, its options do not' verdict=stripped
attack() { tool dnswire.py query cookie "$1"; }
