#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Bulk with `fast_path: off`, where every packet of a connection is sent on as a copy, against a queue that accepts every packet.
source "$(dirname "$0")/../bed.sh"

measure() {
    local flows way
    for way in down up; do
        for flows in 1 8; do
            result "slow-$way$flows.$FORM" "$1" "$(load web_load -C "$CA" -s "$MSEC" -w "$WARM" -p $flows $way | field mbytes)" MB/s
        done
    done
}

bench_bed
for where in $FORMS; do
    form $where
    rounds measure none bare_all sluice_slow
done
