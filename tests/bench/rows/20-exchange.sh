#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# How long a TLS exchange takes that is alone: connect, full handshake, a request, 100 bytes.
source "$(dirname "$0")/../bed.sh"

measure() {
    local out
    out=$(load web_load -C "$TRUST" -s "$MSEC" -w "$WARM" time)
    result "exchange-p50.$FORM" "$1" "$(field p50 <<< "$out")" µs
    result "exchange-p99.$FORM" "$1" "$(field p99 <<< "$out")" µs
}

beside tls intercept host
bench_bed
for where in $FORMS; do
    form $where
    rounds measure none bare_mark sluice
done
