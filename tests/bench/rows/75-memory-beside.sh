#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Memory of all processes of the gate or the rival, with 100 names allowed: after its start, and the most while 32 clients at once make new
# connections (or 64 questions are on their way).  Shared pages count once (PSS).
# shellcheck disable=SC2034,SC2154
source "$(dirname "$0")/../bed.sh"

family() {
    if is_rival "$VARIANT"; then rival_processes; else processes_of "$GATE_PID"; fi
}
resident() {
    local pid
    for pid in $(family); do cat "/proc/$pid/smaps_rollup" 2> /dev/null; done | awk '/^Pss:/ {sum += $2} END {printf("%.1f", sum / 1024)}'
}

measure() {
    local most=0 now loading
    sleep 0.5
    result "memory-idle.$FORM" "$1" "$(resident)" MiB
    if [ "${rival_kind:-}" = dns ] && is_rival "$1"; then
        load dns_load -s "$MSEC" -w 0 rate > "$WORK/load" &
    else
        load web_load -C "$TRUST" -s "$MSEC" -w 0 -p 32 -t 2 rate > "$WORK/load" &
    fi
    loading=$!
    while kill -0 $loading 2> /dev/null; do
        sleep 0.2
        now=$(resident)
        most=$(awk -v a="$most" -v b="$now" 'BEGIN {print (a > b ? a : b)}')
    done
    wait $loading
    result "memory-busy.$FORM" "$1" "$most" MiB
}

ROUNDS=1 RIVAL_ROUNDS=$((RIVAL_ROUNDS > 0))
beside tls intercept dns host
bench_bed
for where in $FORMS; do
    form $where
    rounds measure sluice
done
