# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Two Host fields, an allowed one and another' origin='RESEARCH §2.62'
sink=s reason='http_host' 
attack() { tool webwire.py two "$1"; }
