# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A Host field behind 1,500 and 5,000 bytes' origin='RESEARCH §2.64'
sink=s reason='not_in_allowlist' 
attack() { tool webwire.py pad "$1"; }
