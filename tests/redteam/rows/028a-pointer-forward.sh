# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A question whose name points forward' origin='RESEARCH §2.28'
sink=s reason=dns_malformed
attack() { tool dnswire.py query pointer-forward "$1"; }
