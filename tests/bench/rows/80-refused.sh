#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Refused connections a second (32 at once, to an address that was never resolved):
#   refused-told   told by events: the sum of their counts (note: what clients saw refused, if it differs)
#   refused-named  told by events that name the process
# against the connections that opensnitch accepts in a second.  It looks for the process of each in the host's whole table of
# connections: so it is measured where that is empty, and where 20,000 connections of the last minute are in it (opensnitch_used).
source "$(dirname "$0")/../bed.sh"

# told FILTER: refusals of the events that fit, a second.
told() {
    jq -n "[inputs | select(.sluice.verdict == \"deny\" and ($1)) | .sluice.count // 1] | add // 0" \
        "$T/events" | awk -v msec="$MSEC" '{printf("%.1f", $1 * 1000 / msec)}'
}

measure() {
    local out row
    if is_rival "$1"; then
        out=$(load web_load -P 80 -b 0 -s "$MSEC" -w "$WARM" -p 32 -t 2 rate)
        [ "$(field failed <<< "$out")" = 0 ] || note refused-told.output "$1: $(field failed <<< "$out") failed"
        for row in refused-told refused-named; do result $row.output "$1" "$(field rate <<< "$out")" 1/s; done
        return
    fi
    : > "$T/events"
    out=$(load web_load -a 198.18.2.99 -s "$MSEC" -w 0 -p 32 -t 2 refused)
    sleep 1.5 # what repeats within a second is told at its end
    result refused-told.output "$1" "$(told true)" 1/s
    result refused-named.output "$1" "$(told .process.pid)" 1/s
    # What is still on its way at the end is told, but not counted by the client.
    awk -v a="$(told true)" -v b="$(field rate <<< "$out")" 'BEGIN {exit !(a < b * 0.99 || a > b * 1.01)}' &&
        note refused-told.output "$1: clients saw $(field rate <<< "$out") refused a second"
}

beside host host_used
bench_bed
form output
rounds measure sluice
