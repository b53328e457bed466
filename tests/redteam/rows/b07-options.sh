# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='EDNS options of 400 bytes' origin='RESEARCH §6, bullfrog'
sink=s reason='silent: the question goes on, its options do not' verdict=stripped forms='output forward run'
attack() { tool dnswire.py query option "$1"; }
