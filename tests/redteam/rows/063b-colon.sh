# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Blanks, tabs and NUL before the colon of Host' origin='RESEARCH §2.63'
sink=s reason='http_malformed|http_fold' 
attack() { tool webwire.py colon "$1"; }
