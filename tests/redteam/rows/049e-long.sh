# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A server name of 300 bytes' origin='RESEARCH §2.49'
sink=s reason='tls_name_form|tls_malformed'
attack() { tool hello.py send name-long "$1"; }
