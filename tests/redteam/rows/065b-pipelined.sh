# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A pipelined request for another host' origin='RESEARCH §2.65'
sink=s reason='not_in_allowlist' 
attack() { tool webwire.py pipelined "$1"; }
