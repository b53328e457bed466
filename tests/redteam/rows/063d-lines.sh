# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Empty lines, blanks and tabs around the request line; odd versions' origin='RESEARCH §2.63'
sink=s reason='http_malformed|http_expected|not_in_allowlist' 
attack() { tool webwire.py lines "$1"; }
