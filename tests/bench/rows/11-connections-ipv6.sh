#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The same over IPv6, forwarded: nothing costs more there.
source "$(dirname "$0")/../bed.sh"

measure() {
    local out
    out=$(load web_load -6 -C "$TRUST" -s "$MSEC" -w "$WARM" -p 32 -t 2 rate)
    [ "$(field failed <<< "$out")" = 0 ] || note "connections6.$FORM" "$1: $(field failed <<< "$out") failed"
    result "connections6.$FORM" "$1" "$(field rate <<< "$out")" 1/s
}

bench_bed
form forward
rounds measure none bare_mark sluice
