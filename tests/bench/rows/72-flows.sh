#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2154,SC2329
# Connections a second, and memory, with 10 and with 100,000 allowed connections open; and the memory of a gate with 100 names at rest.
source "$(dirname "$0")/../bed.sh"
MANY=${MANY:-100000}
[ -z "${BENCH_SHORT:-}" ] || MANY=500
HOLD_PORT=8443
[ "$ROUNDS" -lt 3 ] || ROUNDS=3 # each takes a minute
ulimit -n "$(ulimit -Hn)"
EACH=$(($(ulimit -n) == 0 ? 500 : $(ulimit -n) - 200)) # connections a process, at both ends
[ $EACH -lt 20000 ] || EACH=20000
BENCH_ALLOW+=("tls://n{0..$((NAMES - 1))}.bench.test:$HOLD_PORT")

# Names 0 to 7 stand for the addresses .80 to .87 (bed.sh): so many ports to connect to.
hold() {
    local i left targets=()
    for i in {0..7}; do
        targets+=("198.18.2.$((80 + i))" "n$i.bench.test")
        client getent ahostsv4 "n$i.bench.test" > /dev/null || give_up "n$i.bench.test has no address"
    done
    rm -f "$T/hold" "$T"/hold.log.* && mkfifo "$T/hold"
    exec {HOLD}<> "$T/hold" # kept open: its end is the holders'
    : "$HOLD"
    HOLDERS=()
    for ((left = $1; left > 0; left -= EACH)); do
        client "$BENCH/flow_hold" open $HOLD_PORT $((left < EACH ? left : EACH)) "${targets[@]}" < "$T/hold" > "$T/hold.log.$left" 2>&1 &
        HOLDERS+=($!)
        eventually 60 grep -q holds "$T/hold.log.$left" || { cat "$T"/hold.log.* >&2 && grep deny "$T/events" | tail -n 2 >&2; give_up "the flows are not held"; }
    done
}
release() {
    [ ${#HOLDERS[@]} != 0 ] || return 0
    exec {HOLD}>&-
    kill "${HOLDERS[@]}" 2> /dev/null
    wait "${HOLDERS[@]}" 2> /dev/null
    HOLDERS=()
}
up_sluice_10() { release && sluice_up && idle && hold 10; }
up_sluice_many() { release && sluice_up && idle && hold "$MANY"; }
HOLDERS=()
idle() {
    read -r pss rss <<< "$(gate_memory)"
    result memory-idle sluice "$pss" KiB
    result memory-idle-rss sluice "$rss" KiB
}

measure() {
    local out open must=10
    [ "$1" != sluice_many ] || must=$MANY
    out=$(load web_load -C "$CA" -s "$MSEC" -w "$WARM" -p 32 -t 2 rate)
    [ "$(field failed <<< "$out")" = 0 ] || note "flows.$FORM" "$1: $(field failed <<< "$out") failed"
    result "flows.$FORM" "$1" "$(field rate <<< "$out")" 1/s
    sleep 1.5 # for the keeper's last events
    open=$(h $GATE "$SLUICE" status --json | jq .counts.flows_open)
    [ "$open" -ge "$must" ] || note "flows.$FORM" "$1: the gate knows of $open open flows only"
    read -r pss rss <<< "$(gate_memory)"
    result memory-flows "$1" "$pss" KiB
    result memory-flows-rss "$1" "$rss" KiB
}

bench_bed
for ((i = 0; i < MANY; i += EACH / 2)); do # twice as many: the kernel spreads connections over them by chance
    start "$T/holds.$i" s "$BENCH/flow_hold" serve "$T/web.pem" "$T/web.key" $HOLD_PORT
    eventually 10 grep -q ready "$T/holds.$i" || give_up "flow_hold: $(cat "$T/holds.$i")"
done
for where in $FORMS; do
    form $where
    rounds measure sluice_10 sluice_many
done
