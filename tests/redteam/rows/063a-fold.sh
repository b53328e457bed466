# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A Host field on a folded line' origin='RESEARCH §2.63'
sink=s reason='http_fold|http_malformed|http_host_differs' 
attack() { tool webwire.py fold "$1"; }
