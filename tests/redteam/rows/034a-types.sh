# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='NULL, TXT, ANY, MX, NAPTR, SRV and a private type of an allowed name' origin='RESEARCH §2.34'
sink=s reason=type_not_allowed
attack() { tool dnswire.py query types "$1"; }
