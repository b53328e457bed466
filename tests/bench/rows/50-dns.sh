#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# DNS questions a second (A and AAAA of 100 allowed names in turn, 64 on the way at once), question and answer judged; and what a
# question alone takes.  The bare program accepts both ways.
source "$(dirname "$0")/../bed.sh"

measure() {
    local out
    out=$(load dns_load -s "$MSEC" -w "$WARM" rate)
    [ "$(field lost <<< "$out") $(field refused <<< "$out")" = "0 0" ] || note "dns.$FORM" "$1: $out"
    result "dns.$FORM" "$1" "$(field rate <<< "$out")" 1/s
    out=$(load dns_load -s "$MSEC" -w "$WARM" time)
    [ "$(field lost <<< "$out") $(field refused <<< "$out")" = "0 0" ] || note "dns-p50.$FORM" "$1: $out"
    result "dns-p50.$FORM" "$1" "$(field p50 <<< "$out")" µs
    result "dns-p99.$FORM" "$1" "$(field p99 <<< "$out")" µs
}

beside dns
bench_bed
for where in $FORMS; do
    form $where
    rounds measure none bare_all sluice
done
