# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Bytes behind the question, or behind its OPT record' origin='RESEARCH §2.32'
sink=s reason=dns_malformed
attack() { tool dnswire.py query trailing "$1"; }
