# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='An SSLv2 hello' origin='RESEARCH §2.51'
sink=s reason='tls_expected|tls_malformed'
attack() { tool hello.py send sslv2 "$1"; }
