#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2086,SC2155,SC2209,SC2329
# sluice job: fifty at once, each tries all others; over the death of processes, and other policies.
JOBS=50
DNS_MORE="$(for ((i = 1; i <= JOBS; i++)); do printf 'host-record=j%s.wild.test,198.18.2.80,2001:db8:2::80 ' $i; done)"
CERT_NAMES="$(for ((i = 1; i <= JOBS; i++)); do printf 'j%s.wild.test ' $i; done)"
. "$(dirname "$0")/jobs.sh"

one_of_fifty() {
    local i=$1 k
    job start --id "c$i" --profile none --allow "j$i.wild.test" --cgroup "$CGROUP/c$i" || return 1
    get "c$i" "j$i.wild.test" || die "job $i cannot reach its own" || return 1
}
# By DNS; and at the address that is bound for its own name, by the other's name.
others_of_fifty() {
    in_cgroup "c$1" timeout $((200 * SLOW)) "$PYTHON" - "$1" "$JOBS" "$CA" <<'PY'
import socket, ssl, sys
own, jobs, ca = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
context = ssl.create_default_context(cafile=ca)
name = lambda i: f"j{i}.wild.test"
def talks(address, shown):
    try:
        with socket.create_connection((address, 443), 8) as raw, context.wrap_socket(raw, server_hostname=shown) as s:
            s.sendall(b"GET /hello HTTP/1.1\r\nHost: " + shown.encode() + b"\r\n\r\n")
            return s.recv(1) != b""
    except OSError:
        return False
address = socket.getaddrinfo(name(own), 443, socket.AF_INET)[0][4][0]
for i in range(1, jobs + 1):
    if i == own: continue
    try:
        socket.getaddrinfo(name(i), 443)
        print(f"job {own} resolved {name(i)}")
    except OSError:
        pass
    if talks(address, name(i)): print(f"job {own} got to {name(i)}")
if not talks(address, name(own)): print(f"job {own} lost its own")
PY
}
fifty() {
    local i pids=() from
    from=$(now_ms)
    for ((i = 1; i <= JOBS; i++)); do one_of_fifty $i & pids+=($!); done
    for i in "${pids[@]}"; do wait "$i" || die "a start failed"; done
    echo "$JOBS jobs started in $(($(now_ms) - from)) ms"
    jobs_say | jq -e ".jobs | length == $JOBS"
    : > "$T/others"
    pids=()
    for ((i = 1; i <= JOBS; i++)); do
        others_of_fifty $i >> "$T/others" 2>&1 &
        pids+=($!)
        [ $((i % 10)) != 0 ] || { wait "${pids[@]}" || die "one had no time" || return 1; pids=(); }
    done
    [ ! -s "$T/others" ] || die "$(head -n 5 "$T/others")"
    # Each job's events and counts are its own.
    for i in 1 17 50; do
        jq -se --arg j "c$i" --arg own "j$i.wild.test" '[.[] | select((.["sluice.job"] // .sluice.job) == $j)] | length > 0 and all(.[]; ((.["sluice.verdict"] // .sluice.verdict) != "allow") or ((.["destination.domain"] // .destination.domain // $own) == $own))' "$T/events"
        jobs_say | jq -e --arg j "c$i" '.jobs[] | select(.id == $j) | .denied > 10'
    done
}
fifty_end() {
    local i pids=()
    for ((i = 1; i <= JOBS; i++)); do job end "c$i" > /dev/null 2>&1 & pids+=($!); done
    for i in "${pids[@]}"; do wait "$i" || die "an end failed"; done
    eventually 10 none_listed
}
survives() {
    local old
    job start --id v --profile node --cgroup "$CGROUP/v" --phase test
    may_not v allowed.test
    eventually 5 h c sh -c 'grep -q allowed.test /run/sluice/*.job.v' # what it did is written down within a second
    old=$(role_pid keeper)
    kill -KILL "$old"
    eventually 10 keeper_again "$old"
    jobs_say | jq -e '.jobs[0].denied > 0'
    may v cdn.test
    may_not v allowed.test
    jobs_say | jq -e '.jobs[0] | .id == "v" and .phase == "test" and .denied > 0'
    old=$(role_pid inspect)
    kill -KILL "$old"
    eventually 10 may v cdn.test
    may_not v allowed.test
    # Another policy: the job goes on under it; one without its profile is refused.
    write_policy "$T/policy.yaml" "  more: { allow: [other.test] }"
    h c "$SLUICE" apply > "$T/out"
    may v cdn.test
    sed 's/^  node:/  nodd:/; s/starts_jobs: .node./starts_jobs: [nodd]/' "$T/policy.yaml" > "$T/without.yaml"
    status 2 h c "$SLUICE" apply "$T/without.yaml" 2> "$T/out"
    has 'job v: it has profile "node", which the policy does not have' "$T/out"
    sed '/^      test:/d' "$T/policy.yaml" > "$T/without.yaml"
    status 2 h c "$SLUICE" apply "$T/without.yaml" 2> "$T/out"
    has 'job v: it is in phase "test", which profile "node" does not have' "$T/out"
    may v cdn.test
    job end v
    [ -z "$(h c sh -c 'ls /run/sluice | grep job.v')" ]
}
keeper_again() {
    local now
    now=$(role_pid keeper) && [ "$now" != "$1" ] && h c "$SLUICE" status > /dev/null 2>&1
}

write_policy "$T/policy.yaml"
gate_up output "$T/policy.yaml"
check "$JOBS jobs at once" fifty
check "and they end" fifty_end
check "over the death of keeper and inspector, and another policy" survives
finish
