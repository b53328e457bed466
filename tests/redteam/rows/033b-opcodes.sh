# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='IQUERY, STATUS, NOTIFY, UPDATE, DSO and an unknown opcode' origin='RESEARCH §2.33'
sink=s reason=dns_not_a_query
attack() { tool dnswire.py query opcodes "$1"; }
