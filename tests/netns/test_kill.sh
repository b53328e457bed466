#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# kill -9 of each process of the gate and of each pair, in the middle of transfers that take longer than ten seconds: nothing
# unjudged leaves (captured at the attacker), the transfers end with equal hashes, a new fetch works within two seconds.
. "$(dirname "$0")/lib.sh"
bed
export CA
ROLES=(launcher standby keeper inspect relay)

roles_here() {
    local role
    for role in "${ROLES[@]}"; do role_pid "$role" > /dev/null || { MISSING=$role && return 1; }; done
}

# Attempts for so many seconds: connections, questions, datagrams, a few of each a second; of one process, which leaves the machine to the gate.
ATTEMPTS='
import sys, threading, time
sys.path.insert(0, sys.argv[1])
import near
def attempt(what, *arguments):
    try: what(*arguments)
    except (OSError, ValueError): pass
end, n = time.monotonic() + float(sys.argv[2]), 0
while time.monotonic() < end:
    n += 1
    for one in ((near.connect, "198.18.3.66", 80, f"GET /escaped-{n} HTTP/1.0"), (near.connect, "2001:db8:3::66", 80, f"GET /escaped-{n} HTTP/1.0"),
                (near.unconnected, "198.18.3.66", 9999, f"escaped-{n}"), (near.dns_udp, "198.18.2.53", f"escaped-{n}.evil.test"),
                (near.dns_tcp, "198.18.2.53", "whole", f"escaped-tcp-{n}.evil.test"), (near.tls, "198.18.2.80", f"escaped-{n}.other.test")):
        threading.Thread(target=attempt, args=one).start()
    time.sleep(0.4)'
attempts() { client "$PYTHON" -c "$ATTEMPTS" "$ROOT/tests/netns" "$1" > "$T/attempts" 2>&1; }
# What must go on while processes die goes on: all three transfers were approved.
transferring() {
    [ -s "$T/large" ] && [ "$(h c ss -Htni state established '( dport = :9000 or dport = :9001 )' | grep -cE 'bytes_(acked|received):[0-9]{5,}')" = 2 ]
}

kill_roles() {
    local role pids=()
    for role in "$@"; do pids+=("$(role_pid "$role")"); done
    # shellcheck disable=SC2068
    kill -KILL ${pids[@]}
}

# During transfers of SECONDS, each of the following arguments ("keeper", "keeper+relay") is killed, two seconds apart.
under_transfers() {
    local seconds=$1 bad=0 what began took size
    shift
    client getent ahosts tcp.test > /dev/null
    client getent ahosts allowed.test > /dev/null
    size=$((seconds * 1000000))
    rm -f "$T/large"
    near upload 198.18.2.81 9000 $size 1000000 > "$T/up" 2>&1 &
    local up=$!
    near download 2001:db8:2::81 9001 $size 1000000 > "$T/down" 2>&1 &
    local down=$!
    fetch --limit-rate 4m --max-time $((seconds + 120)) -o "$T/large" https://allowed.test/slow 2> "$T/fetch.err" &
    local web=$!
    attempts "$seconds" &
    local attempting=$!
    eventually 10 transferring || { echo "no three transfers" && return 1; }
    for what in "$@"; do
        eventually 4 roles_here || { echo "before killing $what there was no $MISSING" && bad=1; }
        # shellcheck disable=SC2046
        kill_roles ${what//+/ }
        began=$(now_ms)
        if eventually 2 new_fetch; then took=$(($(now_ms) - began)); else took=more && bad=1; fi
        echo "$what killed: a new fetch after $took ms"
        sleep 0.$((RANDOM % 9))
    done
    wait $up && cat "$T/up" || { echo "upload: $(cat "$T/up")" && bad=1; }
    wait $down && cat "$T/down" || { echo "download: $(cat "$T/down")" && bad=1; }
    wait $web || { echo "fetch: $(cat "$T/fetch.err")" && bad=1; }
    wait $attempting || { cat "$T/attempts" && bad=1; }
    [ "$(sha256sum < "$T/large")" = "$(sha256sum < "$T/www/large")" ] || { echo "the fetched file differs" && bad=1; }
    return $bad
}
new_fetch() { fetch --connect-timeout "$SLOW" --max-time $((3 * SLOW)) -o "$T/new" https://allowed.test/hello 2> "$T/new.err" && grep -q hello "$T/new"; }
# It is what would be seen.
attempts_arrive() {
    attempts 1
    eventually 10 grep -aq escaped- "$T/a.pcap"
    eventually 10 grep -aq escaped- "$T/s.pcap"
}
all_at_once() {
    local before
    before=$(arrived_count)
    # shellcheck disable=SC2046
    kill -KILL $(pgrep --ns "${HOST[$GATE_HOST]}" --nslist net '^sluice')
    near connect 198.18.3.66 80 "GET /escaped HTTP/1.0" || true
    near unconnected 198.18.3.66 9999 escaped || true
    near connect 2001:db8:3::66 80 "GET /escaped HTTP/1.0" || true
    if [ "$(arrived_count)" != "$before" ]; then
        h "$GATE_HOST" nft list table inet sluice > /dev/null 2>&1 || skip "this kernel has no persistent tables (Linux 6.9): the rules end with their last process"
        die "packets left after all processes were killed"
    fi
}
after_all() {
    h "$GATE_HOST" "$SLUICE" down
    fails h "$GATE_HOST" nft list table inet sluice
}

PAIRS=()
for ((i = 0; i < ${#ROLES[@]}; i++)); do for ((j = i + 1; j < ${#ROLES[@]}; j++)); do PAIRS+=("${ROLES[i]}+${ROLES[j]}"); done; done

capture s s0
FORM=output
check "without the gate the attempts arrive" attempts_arrive
# KILL_SHORT: only the output form (for the run with sanitizers).
for form in output ${KILL_SHORT:-forward}; do
    [ "$form" != "${KILL_SHORT:-}" ] || continue
    FORM=$form
    policy "$T/policy.yaml" "${ALLOW[@]}"
    capture a a0
    capture s s0
    gate_up $form "$T/policy.yaml"
    check "all roles run" eventually 3 roles_here
    check "transfers go on while each role is killed" under_transfers 14 "${ROLES[@]}"
    check "transfers go on while each pair is killed" under_transfers 24 "${PAIRS[@]}"
    check "nothing unjudged left meanwhile" nothing_escaped
    check "after all processes are killed at once nothing leaves" all_at_once
    check "sluice down removes what they left" after_all
    GATE_HOST='' FORM=''
done
finish
