# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Bytes behind the name list, the hello and its extensions' origin='RESEARCH §2.50'
sink=s reason='tls_malformed'
attack() { tool hello.py send trailing "$1"; }
