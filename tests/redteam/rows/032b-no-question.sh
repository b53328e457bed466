# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A query with no question' origin='RESEARCH §2.32; §6, bullfrog (ends its agent)'
sink=s reason=dns_malformed
attack() { tool dnswire.py query no-question "$1"; }
