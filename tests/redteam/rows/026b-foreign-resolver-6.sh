# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The attacker'\''s resolver over IPv6' origin='RESEARCH §2.26, 77'
reason=foreign_resolver
attack() { client dig +tries=1 +timeout=10 @2001:db8:3::66 "$1.wild.test"; }
