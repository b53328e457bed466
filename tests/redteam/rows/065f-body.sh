# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A request behind a body by length, and behind none' origin='RESEARCH §2.65'
sink=s reason='not_in_allowlist' 
attack() { tool webwire.py body "$1"; }
