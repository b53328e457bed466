# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='No Host; HTTP/1.0 and 0.9' origin='RESEARCH §2.62'
sink=s reason='http_host|http_malformed|http_expected' 
attack() { tool webwire.py none "$1"; }
