#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2154,SC2329
# What one scope still has while another floods: connections a second and the time of an exchange, at rest and beside
#     syn      new flows to an allowed address that never go on, from raw sockets, each another port
#     dns      DNS questions, each another name that is refused
#     refused  connections to an address that is refused
# The flood comes from the same host through the same gate.
source "$(dirname "$0")/../bed.sh"

# Two scopes by source address: the measured one has 198.18.1.2, the flooding one .3.
two() {
    policy "$@"
    sed -i 's,match: .*,match: { source: 198.18.1.2 },' "$1"
    printf '  - { name: flooding, match: { source: 198.18.1.3 }, profile: test }\n' > "$T/second"
    sed -i "/^    mode:/r $T/second" "$1"
}
up_sluice() { POLICY_BY=two sluice_up; }
flood() {
    case $1 in
    rest) return ;;
    *) start "$T/flood" c "$PYTHON" "$ROOT/tests/bench/load/flood.py" "$1" 198.18.1.3 $((MSEC * 2 + 4000)) ;;
    esac
    FLOOD=$!
    eventually 5 grep -q began "$T/flood" || give_up "the flood: $(cat "$T/flood")"
}
measure() {
    local out kind
    for kind in rest syn dns refused; do
        FLOOD=''
        flood $kind
        out=$(load web_load -C "$CA" -s "$MSEC" -w "$WARM" -p 32 -t 2 rate)
        result floods-rate $kind "$(field rate <<< "$out")" 1/s
        [ "$(field failed <<< "$out")" = 0 ] || note floods-rate "$kind: $(field failed <<< "$out") failed"
        out=$(load web_load -C "$CA" -s "$MSEC" -w "$WARM" time)
        result floods-p50 $kind "$(field p50 <<< "$out")" us
        result floods-p99 $kind "$(field p99 <<< "$out")" us
        [ "$(field failed <<< "$out")" = 0 ] || note floods-p99 "$kind: $(field failed <<< "$out") failed"
        if [ -n "$FLOOD" ]; then
            kill -INT "$FLOOD" 2> /dev/null
            eventually 5 dead "$FLOOD"
            result floods-sent $kind "$(field sent < <(tail -n 1 "$T/flood"))" 1/s
        fi
    done
}

bench_bed
address c c0 198.18.1.3/24 2001:db8:1::3/64
form forward
rounds measure sluice
