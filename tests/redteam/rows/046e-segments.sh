# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A hello in segments of one byte' origin='RESEARCH §2.8, 46'
sink=s reason='not_in_allowlist'
attack() { tool hello.py cut 1 "$1"; }
