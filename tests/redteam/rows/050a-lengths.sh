# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Inner lengths that do not fit' origin='RESEARCH §2.50'
sink=s reason='tls_malformed'
attack() { tool hello.py send lengths "$1"; }
