#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Bulk through an allowed TLS connection behind a link of 10 Gbit/s.  The rows of 30-bulk have no link: four times that fast, they show
# what a packet costs; here is what of it a network leaves to see, and the processor time that it takes, of all who take part.
source "$(dirname "$0")/../bed.sh"

busy() { awk '/^cpu / {print ($2 + $3 + $4 + $7 + $8) / 100}' /proc/stat; }
measure() {
    local flows before mbytes
    for flows in 1 8; do
        before=$(busy)
        mbytes=$(load web_load -C "$CA" -s "$MSEC" -w 1 -p $flows down | field mbytes)
        result "link-$flows.$FORM" "$1" "$mbytes" MB/s
        result "link-cpu$flows.$FORM" "$1" "$(awk -v a="$before" -v b="$(busy)" -v m="$mbytes" -v s="$MSEC" \
            'BEGIN {g = m * s / 1e6; print g ? (b - a) / g : 0}')" s/GB
    done
}

bench_bed
h s tc qdisc add dev s0 root tbf rate 10gbit burst 1mb limit 8mb || give_up "no tbf"
for where in $FORMS; do
    form $where
    rounds measure none bare_mark sluice
done
