# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Data on the SYN by fast open, to an allowed address'
origin='RESEARCH §2.16; RFC 7413'
reason='tls_expected'
sink=s forms='output forward run'
attack() { tool tcp.py fast_open "$1"; }
