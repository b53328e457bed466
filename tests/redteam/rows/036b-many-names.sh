# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Data in many names under a wildcard, beyond the budget' origin='RESEARCH §2.36'
sink=s reason=tunnel_suspected
extra=(short.test$'\n    dns: { budget: { names_per_minute: 10 } }')
attack() {
    printf '%s.a.wild.test\n' x{1..12} "$1" > "$T/names"
    chmod 644 "$T/names"
    client dig +tries=1 +timeout=10 +short @198.18.2.53 -f "$T/names"
}
