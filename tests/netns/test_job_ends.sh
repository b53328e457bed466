#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2086,SC2155,SC2209,SC2329
# sluice job: what a job leaves behind, what ends with it, and processes that ran before it.
. "$(dirname "$0")/jobs.sh"

survivor() { # CGROUP: a process that tries other.test each 0.2 s, and says so: "try N", and "out N" of one that got out
    in_cgroup "$1" bash -c 'n=0; while :; do n=$((n + 1)); echo "try $n"; curl -sS --cacert "$0" --max-time 30 -o /dev/null https://other.test/hello 2> /dev/null && echo "out $n"; sleep 0.2; done >> "$1"' "$CA" "$T/survived" &
    SURVIVOR=$!
}
last_try() { sed -n 's/^try //p' "$T/survived" | tail -n 1; }
tried() { local last && last=$(last_try) && [ "${last:-0}" -ge "$1" ]; }
got_out() { awk -v from="$1" '$1 == "out" && $2 >= from {f = 1} END {exit !f}' "$T/survived"; }
# Of the tries that begin from now on, one gets out; or none of the first three.
survivor_out() { local from && from=$(($(last_try) + 1)) && eventually 10 got_out $from; }
survivor_held() { local from && from=$(($(last_try) + 1)) && eventually 20 tried $((from + 3)) && fails got_out $from; }
leaves_it_held() {
    : > "$T/survived"
    job start --id l2c --profile node --cgroup "$CGROUP/l2a" --cgroup "$CGROUP/l2b"
    in_cgroup l2b sleep 300 &
    eventually 5 grep -q . "$CGROUPS$CGROUP/l2b/cgroup.procs"
    job end l2c 2> /dev/null
    status 2 job start --id part --profile node --cgroup "$CGROUP/l2a" 2> "$T/err.end"
    has 'not all of it would be this job' "$T/err.end"
    job end l2c --kill
    job start --id l --profile node --cgroup "$CGROUP/l"
    survivor l
    survivor_held
    job end l > "$T/out" 2> "$T/err.end"
    has 'left something running, which no other scope holds: it stays held' "$T/err.end"
    job list > "$T/out"
    has '^l .*ended: what it left is held' "$T/out"
    survivor_held || die "what the job left got out"
    fails got_out 1
    may_not l allowed.test
    # One of the same name elsewhere does not let it go, nor one that has only a part of its place.
    status 2 job start --id l --profile node --cgroup "$CGROUP/other" 2> "$T/err.end"
    has 'still held, and not all of it would be this job' "$T/err.end"
    # A job that takes its place gets its own policy, not the old one's.
    job start --id l2 --profile node --cgroup "$CGROUP/l" --allow other.test 2> "$T/err.end"
    has '^sluice: job l2 takes over what job l left running in its place' "$T/err.end"
    survivor_out
    status 2 job start --id l3 --profile node --cgroup "$CGROUP/l"
    job end l2 2> "$T/err.end"
    survivor_held
    job end l2 --release
    survivor_out
    # When it is gone, so is the job.
    job start --id l4 --profile node --cgroup "$CGROUP/l"
    job end l4 2> /dev/null
    kill $SURVIVOR
    for pid in $(cat "$CGROUPS$CGROUP/l/cgroup.procs"); do kill -KILL "$pid" 2> /dev/null || :; done
    eventually 10 none_listed
}
kills_it() {
    job start --id k --profile node --cgroup "$CGROUP/k"
    survivor k
    eventually 10 grep -q . "$CGROUPS$CGROUP/k/cgroup.procs"
    job end k --kill 2> "$T/err.end"
    cat "$T/err.end"
    [ -z "$(cat "$CGROUPS$CGROUP/k/cgroup.procs")" ]
    eventually 5 none_listed
    job start --id k2 --profile node --cgroup "$CGROUP/k" --json 2> "$T/err.end" | jq -e 'has("takes_over") | not'
    [ ! -s "$T/err.end" ] || die "nothing is there to take over"
    job end k2
    fails in_cgroup k "$SLUICE" job end k --kill
}
# What a job left is refused something after its end: who ends it for good is told.
held_has_a_summary() {
    : > "$T/survived"
    job start --id h --profile node --cgroup "$CGROUP/h"
    in_cgroup h sleep 300 &
    eventually 5 grep -q . "$CGROUPS$CGROUP/h/cgroup.procs"
    job end h --fail-on deny,alert 2> /dev/null
    job end h --json 2> /dev/null | jq -e '.held and .summary.denied == 0'
    survivor h
    survivor_held
    status 3 job end h --fail-on deny --json > "$T/out" 2> /dev/null
    jq -e '.held and .summary.denied > 0 and any(.summary.refused[]; .name == "other.test")' "$T/out"
    status 3 job end h --kill --fail-on deny > "$T/out"
    has '^job h ended: 0 connections allowed, [1-9][0-9]* refused$' "$T/out"
    eventually 5 none_listed
}
# What an ended job left is killed, and the gate lets the job go by itself before it is asked to: that is what was wanted.  A gate that
# knows each job until its end is asked for: in s, where none runs.
gone_before_asked() {
    start "$T/gate_of_s" s "$PYTHON" -c 'import json, os, socket
os.makedirs("/run/sluice")
s = socket.socket(socket.AF_UNIX)
s.bind("/run/sluice/%d.gate.sock" % os.stat("/proc/self/ns/net").st_ino)
s.listen()
print("listens", flush=True)
gone = set()
while True:
    c, _ = s.accept()
    ask = json.loads(c.makefile().readline())
    if ask["request"] == "job_end": gone.add(ask["id"])
    if ask["id"] in gone: answer = {"ok": False, "error": {"kind": "input", "text": "there is no such job"}}
    else: answer = {"ok": True, "jobs": [{"id": ask["id"], "ended": ask["id"] != "runs", "cgroup": []}]}
    c.sendall(json.dumps({"version": 1} | answer).encode() + b"\n")
    c.close()'
    local fake=$!
    eventually 10 grep -q listens "$T/gate_of_s"
    h s "$SLUICE" job end ended --kill > "$T/out"
    has '^job ended ended: ' "$T/out"
    status 2 h s "$SLUICE" job end ended2 2> "$T/out"
    status 2 h s "$SLUICE" job end runs --kill 2> "$T/out"
    has 'there is no such job' "$T/out"
    kill $fake
}
falls_back() {
    job start --id f --profile node --cgroup "$CGROUP/plain/f"
    in_cgroup plain/f sleep 300 &
    eventually 5 grep -q . "$CGROUPS$CGROUP/plain/f/cgroup.procs"
    may plain/f allowed.test
    job end f > "$T/out" 2> "$T/err.end"
    fails grep -q 'stays held' "$T/err.end"
    none_listed
    may_not plain/f allowed.test
    may plain/f mirror.test # as the scope around it allows
    # Not into a scope that starts jobs: what a job left would be a starter.
    job start --id g --profile node --cgroup "$CGROUP/agent/g"
    in_cgroup agent/g sleep 300 &
    eventually 5 grep -q . "$CGROUPS$CGROUP/agent/g/cgroup.procs"
    job end g 2> "$T/err.end"
    has 'stays held' "$T/err.end"
    may_not agent/g mirror.test
    fails in_cgroup agent/g "$SLUICE" job start --id h --profile node --cgroup "$CGROUP/agent/h"
    job end g --kill
    # However deep.
    local deep
    deep=$(printf '/d%.0s' {1..210})
    job start --id deep --profile node --cgroup "$CGROUP/deep"
    in_cgroup "deep$deep" sleep 300 &
    eventually 5 grep -q 'populated 1' "$CGROUPS$CGROUP/deep/cgroup.events"
    job end deep 2> "$T/err.end"
    has 'stays held' "$T/err.end"
    echo 1 > "$CGROUPS$CGROUP/deep/cgroup.kill"
    eventually 10 none_listed
}
# Processes that run already, with a socket from before.
takes_running() {
    h c "$PYTHON" -u -c 'import os, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print(os.getpid(), flush=True)
child = os.fork()
n = 0
while True:
    n += 1
    for x, w in ((s, b"escaped-old-"), (socket.socket(socket.AF_INET, socket.SOCK_DGRAM), b"escaped-new-")):
        try: x.sendto(w + str(n).encode(), ("198.18.3.66", 9))
        except OSError: pass
    time.sleep(0.05)' > "$T/running" 2>&1 &
    eventually 5 test -s "$T/running"
    local pid=$(head -n 1 "$T/running")
    eventually 5 expect_arrived escaped-old-
    job start --id "t$$" --profile node --pid "$pid"
    settle a
    local old new
    old=$(grep -ac escaped-old- "$T/a.pcap") new=$(grep -ac escaped-new- "$T/a.pcap")
    sleep 1
    settle a
    [ "$(grep -ac escaped-old- "$T/a.pcap")" = "$old" ] || die "a socket from before went on"
    [ "$(grep -ac escaped-new- "$T/a.pcap")" = "$new" ] || die "a new socket went out"
    jobs_say | jq -e '.jobs[0].cgroup[0] | endswith("/sluice-job-t'$$'")'
    # Refused, and what the job made below its cgroup is left alone.
    local own beside
    own=$CGROUPS$(jobs_say | jq -r '.jobs[0].cgroup[0]')
    mkdir "$own/empty"
    h c sh -c 'echo $$; exec sleep 300' > "$T/beside" &
    eventually 5 test -s "$T/beside"
    beside=$(head -n 1 "$T/beside")
    fails job start --id "t$$" --profile node --pid "$beside"
    kill "$beside"
    [ -d "$own/empty" ] || die "a refused start removed a cgroup of the running job"
    # shellcheck disable=SC2046
    kill -KILL $(cat "$CGROUPS$(jobs_say | jq -r '.jobs[0].cgroup[0]')/cgroup.procs")
    job end "t$$"
    none_listed
}
# Process 1 (here that of a pid namespace of its own), and whoever the command descends from.
takes_none_above() {
    local way
    status 2 h c unshare -p -f --mount-proc --kill-child bash -c '"$0" job start --id "$1" --profile node --pid 1; exit $?' "$SLUICE" "up$$" 2> "$T/out"
    has '^sluice: --pid 1: process 1 is no job' "$T/out"
    for way in '$$' '$BASHPID'; do
        status 2 h c bash -c '(sh -c "$0 job start --id $1 --profile node --pid '"$way"'; exit \$?"); exit $?' "$SLUICE" "up$$" 2> "$T/out"
        has '^sluice: --pid [0-9]+: this command descends from that process' "$T/out"
    done
    status 2 job start --id "up$$" --profile node --pid "$GATE" 2> "$T/out"
    has '^sluice: --pid [0-9]+: the gate is that process, or descends from it$' "$T/out"
    status 2 job start --id "up$$" --profile node --pid 2147483647 2> "$T/out"
    has '^sluice: --pid 2147483647: no such process$' "$T/out"
    none_listed
    [ -z "$(find "$CGROUPS" -maxdepth 6 -type d -name "sluice-job-up$$")" ]
}

write_policy "$T/policy.yaml"
gate_up output "$T/policy.yaml"
check "what outlives a job, and no scope holds, stays held" leaves_it_held
check "--kill" kills_it
check "what was refused to what a job left is in its summary" held_has_a_summary
check "--kill of what is gone already" gone_before_asked
check "what outlives a job falls back to the scope around it" falls_back
check "processes that run already: held with the sockets they had" takes_running
check "process 1 and the caller's own ancestors are not taken" takes_none_above
finish
