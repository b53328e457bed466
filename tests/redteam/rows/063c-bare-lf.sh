# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Bare LF and bare CR' origin='RESEARCH §2.63'
sink=s reason='http_bare_lf|http_malformed' 
attack() { tool webwire.py bare-lf "$1"; }
