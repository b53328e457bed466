# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='An allowed host used as proxy for others' origin='RESEARCH §2.66'
sink=s reason='not_in_allowlist|http_host|http_malformed' 
attack() { tool webwire.py proxy "$1"; }
