# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Case and tabs of a Host field' origin='RESEARCH §2.63'
sink=s reason='not_in_allowlist' 
attack() { tool webwire.py case "$1"; }
