# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A request hidden behind odd transfer codings' origin='RESEARCH §2.65'
sink=s reason='http_malformed' 
attack() { tool webwire.py encodings "$1"; }
