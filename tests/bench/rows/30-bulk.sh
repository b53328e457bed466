#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Bulk through allowed TLS connections.  "raw": after the handshake both ends leave TLS and exchange what looks like its records, so
# that cryptography does not hide what the path costs.  "tls": the same with it.
source "$(dirname "$0")/../bed.sh"

measure() {
    local flows
    for flows in 1 8; do
        # One that ends TLS cannot leave it, and a rival has little time.
        is_rival "$1" || result "bulk-raw$flows.$FORM" "$1" "$(load web_load -C "$TRUST" -s "$MSEC" -w "$WARM" -p $flows down | field mbytes)" MB/s
        result "bulk-tls$flows.$FORM" "$1" "$(load web_load -C "$TRUST" -s "$MSEC" -w "$WARM" -p $flows -b 1073741824 bulk | field mbytes)" MB/s
    done
}

beside tls intercept
bench_bed
for where in $FORMS; do
    form $where
    rounds measure none tracked bare_mark sluice
done
