# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Plain HTTP for another host on the TLS port of an allowed address' origin='RESEARCH §2.51; §6, bullfrog'
sink=s reason='tls_expected'
attack() { tool hello.py send http "$1"; }
