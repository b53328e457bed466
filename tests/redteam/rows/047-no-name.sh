# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='No server name' origin='RESEARCH §2.47'
sink=s reason='tls_no_name'
attack() { tool hello.py send none "$1"; }
