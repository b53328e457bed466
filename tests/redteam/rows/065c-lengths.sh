# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A request hidden behind conflicting and malformed lengths' origin='RESEARCH §2.65'
sink=s reason='http_length|http_body|http_malformed' 
attack() { tool webwire.py lengths "$1"; }
