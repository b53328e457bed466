# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Encrypted client hello below an allowed outer name' origin='RESEARCH §2.53'
sink=s reason='tls_ech'
attack() { tool hello.py send ech "$1"; }
