# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A hello in records of 1, 7 and 40 bytes, in one segment' origin='RESEARCH §2.46'
sink=s reason='not_in_allowlist'
attack() { tool hello.py cut records "$1"; }
