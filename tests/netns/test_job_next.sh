#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2046,SC2086,SC2155,SC2209,SC2329
# Without a service manager: what the rules of a gate that ended hold, and that the next gate holds the same jobs.
. "$(dirname "$0")/jobs.sh"
POLICY=$T/policy.yaml
write_policy "$POLICY"

# sender CGROUP WORD: sends "escaped-WORD-N" to the attacker, each 5 ms, and counts in $T/sent.WORD.
sender() {
    in_cgroup "$1" "$PYTHON" -c 'import os, socket, sys, time
s, n = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0
while True:
    n += 1
    try: s.sendto(b"escaped-%s-%d." % (sys.argv[1].encode(), n), ("198.18.3.66", 9))
    except OSError: pass
    if n % 20 == 0:
        with open(sys.argv[2] + "~", "w") as f: f.write(str(n))
        os.rename(sys.argv[2] + "~", sys.argv[2])
    time.sleep(0.005)' "$2" "$T/sent.$2" &
    SENDER=$!
    eventually 20 test -s "$T/sent.$2"
}
sent_more() { [ "$(cat "$T/sent.$1")" -gt "$2" ]; }
goes_on_sending() { eventually 20 sent_more "$1" $(($(cat "$T/sent.$1") + 40)); }
JOBS_FILE=/proc/${HOST[c]}/root/run/sluice/$(h c stat -Lc %i /proc/self/ns/net).jobs.json
ended_by() { # SIGNAL
    if [ "$1" = TERM ]; then
        kill -TERM "$GATE"
    else
        eventually 20 killed_whole
    fi
    eventually 20 dead "$GATE"
    eventually 10 no_gate
}
# A standby that saw the launcher die first may have started others meanwhile: until there are none.
killed_whole() {
    local pids
    pids=$(pgrep --ns "${HOST[c]}" --nslist net '^sluice') || return 0
    kill -KILL $pids 2> /dev/null
    return 1
}
# The gate of a check ends with it.
anew() {
    h c "$SLUICE" down > /dev/null 2>&1
    gate_up output "$POLICY"
}
no_gate() { fails h c "$SLUICE" status > /dev/null 2>&1; }
held_through() { # SIGNAL WORD
    local before
    anew
    job start --id "$2" --profile node --allow other.test --cgroup "$CGROUP/$2"
    job start --id "$2.build" --profile node --cgroup "$CGROUP/$2.build"
    job phase "$2.build" build
    sender "$2" "$2"
    may "$2" other.test
    before=$(jobs_say | jq -c '.jobs | map([.id, .phase, .profile, .allow, .cgroup, .started_usec])')
    ended_by "$1"
    goes_on_sending "$2"
    gate_up output "$POLICY"
    goes_on_sending "$2"
    expect_not_arrived "escaped-$2-"
    [ "$(jobs_say | jq -c '.jobs | map([.id, .phase, .profile, .allow, .cgroup, .started_usec])')" = "$before" ]
    has '2 jobs of the gate before: held on' "$T/gate.log"
    eventually 10 may "$2" other.test
    may_not "$2.build" allowed.test
    job phase "$2.build" test
    eventually 10 may "$2.build" cdn.test
    job end "$2.build" --kill
    [ "$(stat -c '%a %u' "$JOBS_FILE")" = "600 0" ]
    # What a job left is held by the next gate too, until it is gone.
    job end "$2" 2> /dev/null
    ended_by "$1"
    gate_up output "$POLICY"
    goes_on_sending "$2"
    jobs_say | jq -e --arg id "$2" '.jobs | length == 1 and (.[0] | .id == $id and .ended)' > /dev/null
    may_not "$2" allowed.test
    expect_not_arrived "escaped-$2-"
    job end "$2" --release # the same, let go: so it was the gate that held it
    goes_on_sending "$2"
    expect_arrived "escaped-$2-"
    kill $(cat "$CGROUPS$CGROUP/$2/cgroup.procs")
    eventually 5 none_listed
    [ ! -e "$JOBS_FILE" ]
    h c "$SLUICE" down
}
# A policy that has no place for the jobs, or a file that cannot be relied on: no gate, and nothing opens.
refuses() {
    local how
    anew
    job start --id r --profile node --cgroup "$CGROUP/r"
    sender r refuses
    ended_by TERM
    sed 's/^  node:/  other:/; s/starts_jobs: .node./starts_jobs: [other]/' "$POLICY" > "$T/other.yaml"
    status 2 h c timeout 60 "$SLUICE" gate -c "$T/other.yaml" 2> "$T/err"
    has 'job r: it has profile "node", which the policy does not have' "$T/err"
    has "what the gate before held stays closed: .*'sluice down'" "$T/err"
    cp -p "$JOBS_FILE" "$T/good"
    for how in short mode link; do
        case $how in
            short) head -c 40 "$T/good" > "$JOBS_FILE" ;;
            mode) chmod 644 "$JOBS_FILE" ;;
            link) ln -sf "$T/good" "$JOBS_FILE" ;;
        esac
        h c timeout 60 "$SLUICE" gate -c "$POLICY" 2> "$T/err" && die "$how: it starts"
        has "jobs.json" "$T/err"
        rm "$JOBS_FILE"
        cp -p "$T/good" "$JOBS_FILE"
    done
    goes_on_sending refuses
    expect_not_arrived escaped-refuses-
    h c "$SLUICE" down
    goes_on_sending refuses
    expect_arrived escaped-refuses- # open, as was asked for
    [ ! -e "$JOBS_FILE" ]
    gate_up output "$POLICY"
    none_listed
    kill $(cat "$CGROUPS$CGROUP/r/cgroup.procs")
    h c "$SLUICE" down
}
# Of another start of the machine, or another network namespace: those jobs are not.
of_before() {
    local key
    anew
    for key in boot netns; do
        job start --id b --profile node --cgroup "$CGROUP/b"
        ended_by TERM
        jq -c --arg key $key '.[$key] = (if $key == "boot" then "another" else 1 end)' "$JOBS_FILE" > "$T/before"
        cat "$T/before" > "$JOBS_FILE"
        gate_up output "$POLICY"
        none_listed
        fails grep -q 'gate before' "$T/gate.log"
    done
    h c "$SLUICE" down
}
post() { in_cgroup "$1" "$PYTHON" -c 'import socket, sys
try: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(sys.argv[1].encode(), ("198.18.3.66", 9))
except OSError: pass' "escaped-$2"; }
# No gate runs: what its rules hold of cgroups that are made then.
without_a_gate() {
    local n
    anew
    in_cgroup agent true
    in_cgroup plain true
    ended_by TERM
    n=$(nonce)
    post plain "$n"
    post agent/new "$n" # below one that was there
    expect_not_arrived "escaped-$n"
    rmdir "$CGROUPS$CGROUP/plain"
    n=$(nonce)
    post plain "$n"
    expect_arrived "escaped-$n" # made anew: as SECURITY.md says
    gate_up output "$POLICY"
    n=$(nonce)
    post plain "$n"
    sed -i 's/^unmatched: .*/unmatched: refuse/' "$POLICY"
    h c "$SLUICE" apply
    ended_by TERM
    rmdir "$CGROUPS$CGROUP/plain"
    post plain "$n"
    expect_not_arrived "escaped-$n"
    h c "$SLUICE" down
}
check "a gate that is ended, and another one: its jobs are held all the time" held_through TERM term
check "the same, all of its processes killed at once" held_through KILL kill
check "jobs that cannot be held on: the next gate does not start, until 'sluice down'" refuses
check "jobs of another start of the machine, or of another network namespace" of_before
check "a gate that is ended: cgroups that are made then" without_a_gate
eventually 3 rmdir "$CGROUPS$CGROUP"/{term,term.build,kill,kill.build,r,b,plain} 2> /dev/null
finish
