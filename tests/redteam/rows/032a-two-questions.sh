# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Two questions in one query, or one behind the first' origin='RESEARCH §2.32; §6, cijail and bullfrog'
sink=s reason=dns_malformed
attack() { tool dnswire.py query two-questions "$1"; }
