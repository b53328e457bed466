#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Plain HTTP, whose every request is judged, so that its connections never leave the queue: bulk, small requests on new connections,
# and what `git clone http://` does (a POST of 8 KiB, an answer of 32 MiB).  No target: it is told, not promised.
source "$(dirname "$0")/../bed.sh"

measure() {
    result "http-bulk.$FORM" "$1" "$(load web_load -P 80 -s "$MSEC" -w "$WARM" -p 1 -b 1073741824 bulk | field mbytes)" MB/s
    result "http-git.$FORM" "$1" "$(load web_load -P 80 -s "$MSEC" -w "$WARM" -p 1 -B 8192 -b 33554432 bulk | field mbytes)" MB/s
    result "http-new.$FORM" "$1" "$(load web_load -P 80 -s "$MSEC" -w "$WARM" -p 32 rate | field rate)" 1/s
}

bench_bed
for where in $FORMS; do
    form $where
    rounds measure none bare_all sluice
done
