# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='CONNECT to an allowed host, with another Host inside' origin='RESEARCH §6, cijail'
sink=s reason=http_connect forms='output forward run'
attack() { tool webwire.py connect "$1"; }
