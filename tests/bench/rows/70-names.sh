#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2034,SC2329
# An allowlist of 100 names and of MANY: connections a second, the time to start beside that of sort(1) for the names, bytes a name.
# The names that are asked for lie in the middle of the list.
source "$(dirname "$0")/../bed.sh"
MANY=${MANY:-1000000}
[ -z "${BENCH_SHORT:-}" ] || MANY=20000
PROFILE_MORE='extends: listed'

# names COUNT: a list, each once, in no order.
names() {
    awk -v count="$1" 'BEGIN {
        srand(5)
        split("api cdn registry store pkg mirror files static assets download git proxy cache repo", word)
        for (i = 0; i < count; i++) {
            if (i == int(count / 2)) for (k = 0; k < 100; k++) print "n" k ".bench.test"
            print word[int(rand() * 14) + 1] i ".h" int(rand() * 50000) ".example"
        }
    }'
}
listed() {
    mkdir -p "$T/policy.d"
    { printf 'version: 1\nprofiles:\n  listed:\n    allow:\n' && sed 's/^/      - /' "$T/names.$1"; } > "$T/policy.d/listed.yaml"
    BENCH_ALLOW=(unused.bench.test)
    sluice_up
}
up_sluice_100() { listed 100; }
up_sluice_many() { listed "$MANY"; }

measure() {
    local out took
    out=$(load web_load -C "$CA" -s "$MSEC" -w "$WARM" -p 32 -t 2 rate)
    [ "$(field failed <<< "$out")" = 0 ] || note "names.$FORM" "$1: $(field failed <<< "$out") failed"
    result "names.$FORM" "$1" "$(field rate <<< "$out")" 1/s
    read -r pss rss <<< "$(gate_memory)"
    result names-memory "$1" "$pss" KiB
    result names-memory-rss "$1" "$rss" KiB
}
bench_bed
names 100 > "$T/names.100"
names "$MANY" > "$T/names.$MANY"
for where in $FORMS; do
    form $where
    rounds measure sluice_100 sluice_many
done
rm -rf "$T/policy.d"

# The start alone: exec to "gate ready", beside sort(1) of the same names.
form forward
listed "$MANY"
sluice_down
for ((round = 0; round < ROUNDS; round++)); do
    began=$(now_ms)
    LC_ALL=C.UTF-8 sort -o "$T/sorted" "$T/names.$MANY"
    result names-start sort $(($(now_ms) - began)) ms
    : > "$T/gate.log"
    began=$(now_ms)
    start "$T/gate.log" g "$SLUICE" gate -c "$T/policy.yaml"
    GATE_PID=$!
    until grep -q 'gate ready' "$T/gate.log"; do
        kill -0 "$GATE_PID" 2> /dev/null || give_up "sluice does not start: $(cat "$T/gate.log")"
        sleep 0.01
    done
    result names-start sluice_many $(($(now_ms) - began)) ms
    sluice_down
done
compiled=$("$SLUICE" check --json "$T/policy.yaml" | jq '[.profiles[].bytes] | add')
result names-compiled sluice_many "$(awk -v b="$compiled" -v n="$MANY" 'BEGIN {print b / n}')" B/name
note names-compiled "of $MANY names, $(awk '{n += length($0)} END {printf "%.1f", n / NR}' "$T/names.$MANY") bytes long on average"
