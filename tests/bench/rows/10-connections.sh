#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# New TLS connections a second: connect, full handshake, a request, 100 bytes, close.  Every one is judged.
source "$(dirname "$0")/../bed.sh"

measure() {
    local out
    out=$(load web_load -C "$TRUST" -s "$MSEC" -w "$WARM" -p 32 -t 2 rate)
    [ "$(field failed <<< "$out")" = 0 ] || note "connections.$FORM" "$1: $(field failed <<< "$out") failed"
    result "connections.$FORM" "$1" "$(field rate <<< "$out")" 1/s
}

beside tls intercept host
bench_bed
for where in $FORMS; do
    form $where
    rounds measure none bare_mark sluice
done
