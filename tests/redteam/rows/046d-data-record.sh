# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Application data inside a hello' origin='RESEARCH §2.46'
sink=s reason='tls_malformed|tls_expected'
attack() { tool hello.py send data-record "$1"; }
