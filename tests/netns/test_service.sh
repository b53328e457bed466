#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# The gate under a service manager (manager.py stands for it): ready, watchdog, its control socket, and what survives when all
# its processes are killed at once, when it is restarted, when its policy file is wrong by then.
WEB_LOCATIONS='location = /long { alias $T/www/large; limit_rate 400k; }'
. "$(dirname "$0")/lib.sh"
bed
mkdir "$T/bin"
cp "$SLUICE" "$T/bin/first"
cp "$SLUICE" "$T/bin/sluice"
SLUICE=$T/bin/sluice
capture a a0
FORM=output
GATE_HOST=c
M=$T/manager
SERVICE=$CGROUPS$CGROUP-service
mkdir "$M"

manage() {
    rm -f "$M"/*
    : > "$T/events"
    start "$T/gate.log" c "$PYTHON" "$ROOT/tests/netns/manager.py" "$M" "$1" "$SERVICE" "$SLUICE" gate -c "$T/policy.yaml" --events "$T/events"
    MANAGER=$!
    eventually 5 test -S "$M/control"
}
starts() { wc -l < "$M/starts"; }
ready_again() { [ "$(starts)" -gt "$1" ] && [ "$(grep -c READY=1 "$M/said")" -gt "$1" ]; }
kill_all() { echo 1 > "$SERVICE/cgroup.kill"; }
# By an address that was resolved before, without asking again.
bound() { fetch --resolve "allowed.test:443:198.18.2.80" --max-time 10 https://allowed.test/hello | grep -q hello; }
retry_bound() { eventually 10 bound; } # what was not decided yet goes with the process
status_works() { h c "$SLUICE" status > /dev/null; }

activated() {
    [ ! -s "$M/starts" ] || die "it was started before anybody asked"
    # Its question waits in the socket until the gate is there.
    printf '{"version": 1, "request": "status"}\n' | h c timeout 100 socat -t 100 - UNIX-CONNECT:"$M/control" | jq -e .ok
    eventually 10 grep -q 'READY=1' "$M/said"
    grep -q 'READY=1 STATUS=1 scope' "$M/said"
    eventually 5 status_works
    fetch https://allowed.test/hello | grep -q hello
    # What is kept: the rules' socket, bindings, policy.
    for name in sluice-rules sluice-bindings sluice-policy sluice-kept; do grep -q "FDSTORE=1 FDPOLL=0 FDNAME=$name" "$M/said" || die "$name is not kept"; done
}
alive() { [ "$(grep -c WATCHDOG=1 "$M/said")" -ge "$1" ]; }
watched() {
    local before
    before=$(grep -c WATCHDOG=1 "$M/said")
    eventually 4 alive $((before + 3))
}
hangs() { # ROLE: stopped, it is ended and another takes its place
    local pid
    pid=$(role_pid "$1")
    kill -STOP "$pid"
    eventually $((5 * SLOW)) dead "$pid" || { kill -CONT "$pid" && die "a $1 that hangs was left alone"; }
    grep -q "sluice-$1 (pid $pid) shows no sign of life" "$T/gate.log"
    eventually 5 retry_bound
    [ "$(starts)" = 1 ] || die "the whole gate was started again"
}
killed_as_a_whole() {
    local before kept i
    client getent ahostsv4 allowed.test > /dev/null
    rm -f "$T/kept"
    fetch --max-time 300 --limit-rate 8m -o "$T/kept" https://allowed.test/slow 2> "$T/kept.err" &
    kept=$!
    eventually 10 test -s "$T/kept"
    for i in 1 2 3; do
        before=$(starts)
        kill_all
        near unconnected 198.18.3.66 9999 "meanwhile-$i" || :
        near connect 198.18.3.66 80 "GET /meanwhile-$i HTTP/1.0" > /dev/null 2>&1 || :
        eventually $((8 * SLOW)) ready_again "$before" || die "it did not come back: $(tail -n 3 "$T/gate.log")"
        retry_bound || die "the binding is lost"
        tail -n 1 "$M/starts" | grep -q sluice-bindings
    done
    wait $kept || die "the open transfer was cut: $(cat "$T/kept.err")"
    [ "$(sha256sum < "$T/kept")" = "$(sha256sum < "$T/www/large")" ]
    settle a
    fails grep -aq meanwhile- "$T/a.pcap"
    [ "$(arrived_count)" = 0 ]
}
restarted() {
    local before kept
    rm -f "$T/kept"
    fetch --max-time 300 --limit-rate 8m -o "$T/kept" https://allowed.test/slow 2> "$T/kept.err" &
    kept=$!
    eventually 10 test -s "$T/kept"
    before=$(starts)
    touch "$M/restart"
    eventually $((8 * SLOW)) ready_again "$before"
    retry_bound
    wait $kept || die "the open transfer was cut: $(cat "$T/kept.err")"
    [ "$(sha256sum < "$T/kept")" = "$(sha256sum < "$T/www/large")" ]
}
# The policy may be another by then: what it no longer allows is cut, the rest goes on.
restarted_narrower() {
    local before kept cut got=0
    rm -f "$T/kept" "$T/cut"
    fetch --max-time 300 --limit-rate 8m -o "$T/kept" https://allowed.test/slow 2> "$T/kept.err" &
    kept=$!
    fetch --max-time 300 --limit-rate 2m -o "$T/cut" https://mirror.test/slow 2> "$T/cut.err" &
    cut=$!
    eventually 10 test -s "$T/kept"
    eventually 10 test -s "$T/cut"
    policy "$T/policy.yaml" allowed.test
    before=$(starts)
    touch "$M/restart"
    eventually $((8 * SLOW)) ready_again "$before"
    wait $cut || got=$?
    [ $got != 0 ] && [ $got != 28 ] || die "the connection that the policy no longer allows went on"
    wait $kept || die "the open transfer was cut: $(cat "$T/kept.err")"
    policy "$T/policy.yaml" "${ALLOW[@]}" mirror.test
    h c "$SLUICE" apply
}
wrong_file() {
    local before
    cp "$T/policy.yaml" "$T/good.yaml"
    echo 'scopes: [' > "$T/policy.yaml"
    before=$(starts)
    kill_all
    eventually $((8 * SLOW)) ready_again "$before" || die "it did not come back: $(tail -n 3 "$T/gate.log")"
    grep -q 'policy.yaml:.*' "$T/gate.log"
    grep -q 'the policy of before stays in force' "$T/gate.log"
    retry_bound
    fails fetch https://evil.test/ 2> /dev/null
    cp "$T/good.yaml" "$T/policy.yaml"
    h c "$SLUICE" apply
}
# A job is held on, in its phase, whatever became of the gate's processes; a file without its profile is a wrong file.
job_get() { h c sh -c 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"' sh "$CGROUPS$CGROUP-job" curl -sS --cacert "$CA" --max-time 20 -o /dev/null "https://$1/hello" 2> /dev/null; }
jobs_go_on() {
    local before
    PROFILE_MORE='phases: { narrow: { allow: [allowed.test] } }' policy "$T/policy.yaml" "${ALLOW[@]}" mirror.test
    h c "$SLUICE" apply
    h c "$SLUICE" job start --id kept --profile test --allow other.test --cgroup "$CGROUP-job"
    job_get other.test
    before=$(starts)
    kill_all
    eventually $((8 * SLOW)) ready_again "$before"
    eventually 5 job_get other.test
    fails job_get pinned.test
    h c "$SLUICE" job phase kept narrow
    before=$(starts)
    touch "$M/restart"
    eventually $((8 * SLOW)) ready_again "$before"
    eventually 5 job_get allowed.test
    fails job_get other.test
    h c "$SLUICE" job list --json | jq -e '.jobs[0] | .id == "kept" and .phase == "narrow" and .denied > 0'
    eventually 5 h c sh -c 'grep -q "\"denied\":[1-9]" /run/sluice/*.job.kept' # within a second; what is killed before that loses it
    cp "$T/policy.yaml" "$T/good.yaml"
    sed -i 's/^  test:/  renamed:/; s/profile: test/profile: renamed/' "$T/policy.yaml"
    before=$(starts)
    kill_all
    eventually $((8 * SLOW)) ready_again "$before"
    grep -q 'job kept: it has profile "test", which the policy does not have' "$T/gate.log"
    eventually 5 job_get allowed.test
    cp "$T/good.yaml" "$T/policy.yaml"
    h c "$SLUICE" job end kept --summary json | jq -e '.denied > 0'
    policy "$T/policy.yaml" "${ALLOW[@]}" mirror.test
    h c "$SLUICE" apply
    find "$CGROUPS$CGROUP-job" -type d -exec rmdir {} + || :
}
# What is kept cannot be gone on with: a job is held on all the same, and this lets it go.
begin_job() { h c "$SLUICE" job start --id over --profile test --allow other.test --cgroup "$CGROUP-job"; }
job_held() {
    eventually 10 job_get other.test || die "$1: the job's own does not pass"
    fails job_get pinned.test || die "$1: the job is not held"
}
let_job_go() {
    h c "$SLUICE" job end over
    find "$CGROUPS$CGROUP-job" -type d -exec rmdir {} + || :
}
# Another width of the mark: ids mean something else, so nothing is gone on with, and nothing opens.
another_mark() {
    local before
    begin_job
    before=$(starts)
    { cat "$T/policy.yaml" && echo 'mark_mask: 0x00fff000'; } > "$T/marked.yaml"
    cp "$T/marked.yaml" "$T/policy.yaml"
    kill_all
    near unconnected 198.18.3.66 9999 "meanwhile-mark" || :
    eventually $((8 * SLOW)) ready_again "$before" || die "it did not come back: $(tail -n 3 "$T/gate.log")"
    fails bound || die "a binding of the gate before held"
    fetch https://allowed.test/hello | grep -q hello
    job_held "another mark"
    let_job_go
    settle a
    fails grep -aq meanwhile- "$T/a.pcap"
}
release() { h c "$SLUICE" status --json | jq -r .release; }
# into BINARY: it takes the place of the one that runs.
into() {
    local before
    before=$(starts)
    cp "$1" "$T/bin/new"
    mv "$T/bin/new" "$SLUICE"
    touch "$M/restart"
    near unconnected 198.18.3.66 9999 "meanwhile-upgrade" || :
    eventually $((8 * SLOW)) ready_again "$before" || die "it did not come back: $(tail -n 3 "$T/gate.log")"
}
# Another release with the same layouts, and back again, in the middle of all kinds of transfers (hour.py).
upgraded() {
    local load first
    first=$(release)
    "$ROOT/tests/other-release" "$T/bin/first" "$T/bin/other"
    client "$PYTHON" "$ROOT/tests/netns/hour.py" s1 $((20 * SLOW)) 15 "$T/www/large" "$CA" "$T/load" &
    load=$!
    sleep $((4 * SLOW))
    into "$T/bin/other"
    [ "$(release)" = 9.9.9 ]
    retry_bound || die "the binding is lost"
    sleep $((3 * SLOW))
    into "$T/bin/first"
    [ "$(release)" = "$first" ]
    retry_bound || die "the binding is lost"
    wait $load || die "the load ended: $(tail -n 5 "$T/load")"
    # What was not decided yet goes with the process; an approved transfer, or what must be refused, never.
    jq -se 'map(select(.failure and (.established or (.failure | startswith("PASSED"))))) | length == 0' "$T/load" || die "$(grep -E 'established|PASSED' "$T/load")"
    jq -se '.[-1].counts | .long_tls >= 1 and .long_tcp >= 1 and .forbidden > 10 and .short_tls > 3' "$T/load" || die "$(tail -n 1 "$T/load")"
    [ "$(jq -s 'map(select(.failure)) | length' "$T/load")" -lt 30 ] || die "$(cut -c 1-200 "$T/load")"
    settle a
    fails grep -aqE 'escaped-|meanwhile-' "$T/a.pcap"
}
# What the gate before kept is laid out in another way: it says so, begins anew, and is never open.
other_layout() {
    local layout lines
    begin_job
    for layout in kept bindings policy "kept bindings policy"; do
        lines=$(wc -l < "$T/gate.log")
        # shellcheck disable=SC2086
        "$ROOT/tests/other-release" "$T/bin/first" "$T/bin/other" $layout
        into "$T/bin/other"
        [ "$(release)" = 9.9.9 ]
        tail -n +$((lines + 1)) "$T/gate.log" | grep 'is not gone on with' || die "$layout: nothing is said"
        fails bound || die "$layout: a binding of the gate before held"
        fetch https://allowed.test/hello | grep -q hello || die "$layout: nothing passes"
        job_held "$layout"
        lines=$(wc -l < "$T/gate.log")
        into "$T/bin/first"
        tail -n +$((lines + 1)) "$T/gate.log" | grep -q 'is not gone on with' || die "back from $layout: nothing is said"
        fetch https://allowed.test/hello | grep -q hello || die "back from $layout: nothing passes"
        job_held "back from $layout"
    done
    let_job_go
    settle a
    fails grep -aq meanwhile- "$T/a.pcap"
}
# What is kept is broken: the same.
spoiled() {
    local name how lines
    for name in bindings policy kept; do
        for how in gone short zero random pipe; do
            [ "$name $how" != "bindings zero" ] || continue # an empty table
            echo "sluice-$name $how" > "$M/spoil"
            lines=$(wc -l < "$T/gate.log")
            into "$T/bin/first"
            tail -n +$((lines + 1)) "$T/gate.log" | grep -q 'is not gone on with' || die "$name $how: nothing is said"
            fetch https://allowed.test/hello | grep -q hello || die "$name $how: nothing passes"
        done
    done
    for what in "bindings zero" "bindings late" "policy late" "rules gone"; do
        echo "sluice-$what" > "$M/spoil"
        into "$T/bin/first"
        fetch https://allowed.test/hello | grep -q hello || die "$what: nothing passes"
    done
    settle a
    fails grep -aq meanwhile- "$T/a.pcap"
}
down() {
    h c "$SLUICE" down > "$T/out"
    cat "$T/out"
    eventually 5 grep -qx ENDED "$M/said"
    [ "$(starts)" = "$1" ] || die "it was started again"
    h c bash -c 'printf after-down > /dev/udp/198.18.3.66/9999'
    settle a
    grep -aq after-down "$T/a.pcap"
}
works() { fetch "https://$1/hello" | grep -q hello; }
# No resolver yet when the gate starts, as before the network at a boot.
resolvers_later() {
    cp "$T/resolv.c" "$T/resolv.kept"
    : > "$T/resolv.c"
    sed 's/^resolvers:.*/resolvers: [system]/' "$T/good.yaml" > "$T/policy.yaml"
    manage 0
    h c timeout 20 socat -u UNIX-CONNECT:"$M/control" /dev/null || :
    eventually 10 grep -q READY=1 "$M/said"
    fails fetch --max-time 3 https://allowed.test/hello 2> /dev/null
    cat "$T/resolv.kept" > "$T/resolv.c"
    eventually 5 sh -c 'grep -q "resolv.conf changed: [1-9] resolver" "$1"' sh "$T/gate.log"
    eventually 10 works allowed.test
    : > "$T/resolv.c" # gone again: the resolvers go with it
    eventually 5 sh -c '[ "$(grep -c "resolv.conf changed" "$1")" = 2 ]' sh "$T/gate.log"
    cat "$T/resolv.kept" > "$T/resolv.c"
    eventually 5 sh -c '[ "$(grep -c "resolv.conf changed" "$1")" = 3 ]' sh "$T/gate.log"
    eventually 10 works cdn.test
    h c "$SLUICE" down
}

policy "$T/policy.yaml" "${ALLOW[@]}" mirror.test
manage 3
check "started by the first who asks; ready; what is to be kept is stored" activated
check "a sign of life each second" watched
check "an inspector that hangs is replaced" hangs inspect
check "a keeper that hangs is replaced" hangs keeper
check "all processes killed at once, three times: transfer and bindings go on, nothing leaves" killed_as_a_whole
check "a restart: transfer and bindings go on" restarted
check "a restart with a narrower policy" restarted_narrower
check "a restart with a wrong policy file: the last good one holds" wrong_file
check "a job is held on over all of that, in its phase" jobs_go_on
check "a restart with another mark goes on with nothing, and opens nothing" another_mark
cp "$T/good.yaml" "$T/policy.yaml"
check "a restart with the mark of before" into "$T/bin/first"
check "another release in its place, and back, under load: what was approved goes on" upgraded
check "a release that keeps its state in another way: begun anew, closed, and said" other_layout
check "kept state that is broken: the same" spoiled
check "sluice down is the end" down "$(starts)"
check "resolv.conf is followed" resolvers_later
eventually 3 rmdir "$SERVICE" 2> /dev/null
finish
