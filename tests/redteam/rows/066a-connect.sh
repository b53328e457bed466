# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='CONNECT' origin='RESEARCH §2.66; §6, cijail'
sink=s reason=http_connect 
attack() { tool webwire.py connect "$1"; }
