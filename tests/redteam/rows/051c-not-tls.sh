# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Something else than TLS on 443' origin='RESEARCH §2.51'
sink=s reason='tls_expected|tls_malformed'
attack() { tool hello.py send plain "$1"; }
