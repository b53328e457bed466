# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Another name in the second hello, behind HelloRetryRequest' origin='RESEARCH §2.52'
sink=s reason='tls_name_changed|not_in_allowlist'
attack() { tool hello.py second "$1"; }
