# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A reset with a wrong checksum, then the hello'
origin='RESEARCH §2.13; Geneva'
reason='not_in_allowlist'
who=cap sink=s
attack() { tool tcp.py rst_bad_sum "$1"; }
