#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2154,SC2329
# Connections a second in one scope alone, and in the last of 1,000: by source address where the gate forwards, by cgroup on the host's
# own output.
source "$(dirname "$0")/../bed.sh"
MANY=${MANY:-1000}
[ -z "${BENCH_SHORT:-}" ] || MANY=20

# The policy of sluice_up with scopes before the one that is measured: the first that matches counts.
before() {
    local i match
    policy "$@"
    for ((i = 1; i < MANY; i++)); do
        match="{ source: 10.77.$((i / 250)).$((i % 250 + 1)) }"
        if [ "$FORM" = output ]; then
            mkdir -p "$CGROUPS$CGROUP-$i" && match="{ cgroup: $CGROUP-$i }"
        fi
        printf '  - { name: other%s, match: %s, profile: test }\n' "$i" "$match"
    done > "$T/before"
    sed -i "/^scopes:/r $T/before" "$1"
}
up_sluice_1() { sluice_up; }
up_sluice_many() { POLICY_BY=before sluice_up; }

measure() {
    local out
    out=$(load web_load -C "$CA" -s "$MSEC" -w "$WARM" -p 32 -t 2 rate)
    [ "$(field failed <<< "$out")" = 0 ] || note "scopes.$FORM" "$1: $(field failed <<< "$out") failed"
    result "scopes.$FORM" "$1" "$(field rate <<< "$out")" 1/s
    read -r pss rss <<< "$(gate_memory)"
    result scopes-memory "$1" "$pss" KiB
    result scopes-memory-rss "$1" "$rss" KiB
}
trap 'rmdir "$CGROUPS$CGROUP"-* 2> /dev/null; bed_down' EXIT
bench_bed
trap 'rmdir "$CGROUPS$CGROUP"-* 2> /dev/null; bed_down' EXIT
for where in $FORMS; do
    form $where
    rounds measure sluice_1 sluice_many
done
