# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='NUL, slash, backslash, percent, ports and addresses in Host' origin='RESEARCH §2.62'
sink=s reason='http_host|http_malformed' 
attack() { tool webwire.py names "$1"; }
