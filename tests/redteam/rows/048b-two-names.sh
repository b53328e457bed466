# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Two host names in one extension' origin='RESEARCH §2.48'
sink=s reason='tls_malformed'
attack() { tool hello.py send two-names "$1"; }
