#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2086,SC2155,SC2209,SC2329
# sluice job: many jobs of one gate, phases, who may ask for what, and what a job leaves behind.
JOBS=50
DNS_MORE="$(for ((i = 1; i <= JOBS; i++)); do printf 'host-record=j%s.wild.test,198.18.2.80,2001:db8:2::80 ' $i; done)"
CERT_NAMES="$(for ((i = 1; i <= JOBS; i++)); do printf 'j%s.wild.test ' $i; done)"
. "$(dirname "$0")/lib.sh"
bed
capture s s0
FORM=output
NOBODY=65534

job() { h c timeout $((60 * SLOW)) "$SLUICE" job "$@"; }
get() { in_cgroup "$1" curl -sS --cacert "$CA" --max-time 30 -o /dev/null "${@:3}" "https://$2/hello"; }
may() { get "$1" "$2"; }
may_not() { fails get "$1" "$2" 2> /dev/null; }
jobs_say() { h c "$SLUICE" job list --json; }
AS_NOBODY="setpriv --reuid $NOBODY --regid $NOBODY --clear-groups"
gate_says() { h c "$PYTHON" -c 'import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + b"\n")
d = b""
while (x := s.recv(65536)): d += x
print(d.decode())' "$@"; }
ls_socket() { h c sh -c "echo /run/sluice/*$1"; }

# The scopes of the file: "agent" starts jobs, "tight" is for what nobody else claims below $CGROUP/tight.
write_policy() {
    cat > "$1" <<YAML
version: 1
resolvers: [198.18.2.53, "2001:db8:2::53"]
profiles:
  none: { allow: [] }
  agent: { allow: [mirror.test] }
  node:
    allow: [allowed.test, cdn.test, 'tcp://tcp.test:9000-9001']
    deny: [big.test]
    phases:
      build: { allow: [] }
      test: { allow: [cdn.test] }
      deploy: { allow: [other.test] }
${2:-}
scopes:
  - name: tight
    match: { cgroup: $CGROUP/agent/tight }
    profile: none
  - name: plain
    match: { cgroup: $CGROUP/plain }
    profile: agent
  - name: agent
    match: { cgroup: $CGROUP/agent }
    profile: agent
    starts_jobs: [node]
unmatched: pass
YAML
}

lives() {
    may life other.test # nobody holds it yet
    job start --id 4711 --profile node --cgroup "$CGROUP/life" --allow mirror.test > "$T/out"
    has '^job 4711 started: profile node$' "$T/out"
    may life allowed.test
    may life mirror.test
    may_not life other.test
    said 0 not_in_allowlist other.test
    tail -n 1 "$T/events" | jq -e '.["sluice.job"] // .sluice.job == "4711"'
    job list > "$T/out"
    has "^4711 +node +enforce +[1-9][0-9]* refused +since 20.* cgroup $CGROUP/life" "$T/out"
    jobs_say | jq -e '.jobs[0] | .id == "4711" and .profile == "node" and .denied > 0 and .allow == ["mirror.test"]'
    h c "$SLUICE" status --json | jq -e '.scopes[0].name == "job-4711"'
    job list 4711 --summary md > "$T/out"
    has '^# sluice: job 4711' "$T/out"
    has '\| other.test \| [0-9]+ \| no entry of the policy allows it \| curl \| other.test \|' "$T/out"
    has '\| allowed.test \| [0-9]+ \|' "$T/out"
    status 3 job end 4711 --summary json --fail-on deny > "$T/out"
    jq -e '.denied > 0 and (.allowed | map(.name) | contains(["allowed.test", "mirror.test"]))' "$T/out"
    job list > "$T/out"
    has '^no jobs$' "$T/out"
    may life other.test
}
wrong_orders() {
    local words
    job start --id same --profile node --cgroup "$CGROUP/same"
    while read -r words; do
        status 2 job $words 2> "$T/out" > /dev/null
        cat "$T/out"
        [ -s "$T/out" ]
    done <<LINES
start --profile node --cgroup $CGROUP/x
start --id x --cgroup $CGROUP/x
start --id x --profile node
start --id x --profile nodd --cgroup $CGROUP/x
start --id x --profile node --phase nope --cgroup $CGROUP/x
start --id same --profile node --cgroup $CGROUP/x
start --id x --profile node --cgroup $CGROUP/same
start --id x --profile node --cgroup $CGROUP/same/below
start --id x --profile node --cgroup $CGROUP
start --id ../x --profile node --cgroup $CGROUP/x
start --id .x --profile node --cgroup $CGROUP/x
start --id x --profile node --cgroup $CGROUP/x/../y
start --id x --profile node --cgroup relative
start --id x --profile node --cgroup $CGROUP/x --allow a..b
start --id x --profile node --cgroup $CGROUP/x --allow *.com
start --id x --profile node --cgroup $CGROUP/x --fail-on deny
start --id x --profile node --pid 0
start --id x --profile node --cgroup $CGROUP/x --resolver dns
phase same nope
phase
phase nobody build
end
end nobody
end same --summary txt
list nobody
begin
LINES
    job start --id x --profile node --cgroup "$CGROUP/x" --allow 'a..b' 2> "$T/out" || :
    has '^sluice: --allow: column [0-9]+: ' "$T/out"
    jobs_say | jq -e '.jobs | length == 1'
    may same allowed.test
    job end same
}

# ---- phases ----

phases() {
    job start --id p --profile node --cgroup "$CGROUP/p"
    may p allowed.test
    in_cgroup p curl -sS --cacert "$CA" --limit-rate 4m -o "$T/cut" https://allowed.test/slow 2> /dev/null &
    local cut=$!
    in_cgroup p curl -sS --cacert "$CA" --limit-rate 12m -o "$T/kept" https://cdn.test/large 2> "$T/kept.err" &
    local kept=$!
    eventually 10 test -s "$T/cut"
    eventually 10 test -s "$T/kept"
    job phase p test > "$T/out"
    has '^phase test entered; 1 open connection cut$' "$T/out"
    if wait $cut; then die "the phase cut nothing"; fi
    wait $kept || die "what the phase allows was cut: $(cat "$T/kept.err")"
    may_not p allowed.test
    may p cdn.test
    tail -n 3 "$T/events" | jq -es 'any(.[]; (.["sluice.phase"] // .sluice.phase) == "test")'
    job phase p test > "$T/out" # again: nothing
    job phase p build
    may_not p cdn.test
    job phase p deploy # from outside: whatever the operator wrote
    may p other.test
    may_not p allowed.test
    job phase p "" > "$T/out"
    has '^phase left' "$T/out"
    may p allowed.test
    # The operator's own cuts are nobody's attempts.
    job end p --fail-on alert --json | jq -e '[.summary.refused[].reason] | index("policy_changed") == null'
}
from_inside() {
    job start --id i --profile node --cgroup "$CGROUP/i"
    job start --id o --profile node --cgroup "$CGROUP/o"
    local who
    for who in "" "$AS_NOBODY"; do
        job phase i ""
        status 2 in_cgroup i $who "$SLUICE" job phase deploy 2> "$T/out"
        has 'refused: phase "deploy" allows other.test, which is not allowed now' "$T/out"
        in_cgroup i $who "$SLUICE" job phase test > "$T/out"
        may i cdn.test
        may_not i allowed.test
        in_cgroup i $who "$SLUICE" job phase i build
        may_not i cdn.test
        for words in 'phase test' 'phase i test' 'phase i deploy' 'phase i '; do
                fails in_cgroup i $who "$SLUICE" job $words 2> "$T/out"
            cat "$T/out"
        done
        fails in_cgroup i $who "$SLUICE" job phase "" 2> "$T/out"
        has 'from inside, a phase is not left' "$T/out"
        for words in 'phase o build' 'end o' 'end i' 'end i --release' 'list o' "start --id n --profile node --cgroup $CGROUP/i/n" \
            "start --id n --profile node --cgroup $CGROUP/n"; do
                fails in_cgroup i $who "$SLUICE" job $words 2> "$T/out"
            has 'refused|there is no job' "$T/out"
        done
        in_cgroup i $who "$SLUICE" job list --json | jq -e '[.jobs[].id] == ["i"]'
        in_cgroup i $who "$SLUICE" job list i --summary md > "$T/out"
        has 'job i' "$T/out"
        # The words themselves, at everybody's socket.
        for request in status apply stop; do
            gate_says "$(ls_socket jobs.sock)" "{\"version\": 1, \"request\": \"$request\"}" | jq -e '.ok == false and .error.kind == "refused"'
        done
    done
    jobs_say | jq -e '[.jobs[] | {id, phase}] == [{"id": "i", "phase": "build"}, {"id": "o", "phase": ""}]'
    job end i
    job end o
}
strangers() {
    job start --id s --profile node --cgroup "$CGROUP/s"
    for words in 'phase s build' 'end s' 'list' "start --id n --profile node --cgroup $CGROUP/n"; do
        fails h c $AS_NOBODY "$SLUICE" job $words 2> "$T/out" || return 1
        has 'only root, and processes in the gate' "$T/out"
    done
    # Root of another network namespace is a container's: its cgroup may be nobody's, and its uid says nothing here.
    for request in '"job_list"' '"job_end", "id": "s"' '"apply"' '"stop"'; do
        h c unshare -n "$PYTHON" -c 'import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + bytes([10]))
print(s.recv(65536).decode())' "$(ls_socket gate.sock)" "{\"version\": 1, \"request\": $request}" | tee "$T/out" | jq -e '.error.kind == "refused"' || die "$request: $(cat "$T/out")"
    done
    job end s
}

# ---- scopes that start jobs ----

# A runner's agent, an ordinary user: it starts the job and ends it from another child of its own.
agent_script() {
    cat > "$T/agent.sh" <<'SH'
cd /
"$SLUICE" job start --id a1 --profile node --cgroup "$CGROUP/agent/a1" --owner $$ || exit 10
( echo $BASHPID > "$CGROUPS$CGROUP/agent/a1/cgroup.procs" && exec curl -sS --cacert "$CA" --max-time 10 -o /dev/null https://allowed.test/hello ) || exit 11
( echo $BASHPID > "$CGROUPS$CGROUP/agent/a1/cgroup.procs" && exec curl -sS --cacert "$CA" --max-time 10 -o /dev/null https://mirror.test/hello ) && exit 12
curl -sS --cacert "$CA" --max-time 10 -o /dev/null https://mirror.test/hello || exit 13
( "$SLUICE" job phase a1 deploy ) || exit 14
( "$SLUICE" job list --json | grep -q '"a1"' ) || exit 15
( "$SLUICE" job end a1 --summary md ) || exit 16
for words in "--profile agent --cgroup $CGROUP/agent/n" "--profile none --cgroup $CGROUP/agent/n" "--profile node --cgroup $CGROUP/elsewhere" \
    "--profile node --cgroup $CGROUP/agent" "--profile node --cgroup $CGROUP" "--profile node --cgroup $CGROUP/agent/tight/n" \
    "--profile node --cgroup $CGROUP/agent/tight" "--profile node --cgroup $CGROUP/agent/n --allow other.test" \
    "--profile node --cgroup $CGROUP/agent/n --audit" "--profile node --source 198.18.1.0/24" "--profile node --cgroup $CGROUP/agent/n --interface c0" \
    "--profile node --cgroup $CGROUP/agent/n --resolver 198.18.3.66"; do
    "$SLUICE" job start --id n $words && { echo "started: $words"; exit 20; }
done
exit 0
SH
}
agents_start_jobs() {
    agent_script
    mkdir -p "$CGROUPS$CGROUP/agent/a1" "$CGROUPS$CGROUP/agent/n" "$CGROUPS$CGROUP/agent/tight/n" "$CGROUPS$CGROUP/elsewhere"
    chown -R $NOBODY "$CGROUPS$CGROUP/agent"
    chmod 755 "$T"
    export SLUICE CGROUP CGROUPS CA
    in_cgroup agent $AS_NOBODY bash "$T/agent.sh" > "$T/out" 2>&1 || die "$? $(cat "$T/out")"
    cat "$T/out"
    has '# sluice: job a1' "$T/out"
    [ "$(grep -c refused: "$T/out")" -ge 12 ]
    jobs_say | jq -e '.jobs == []'
    # Root's word counts no more than the user's.
    fails in_cgroup agent "$SLUICE" job start --id n --profile none --cgroup "$CGROUP/agent/n" 2> "$T/out"
    # Somebody else of that scope, and the job itself, may not end it.
    in_cgroup agent $AS_NOBODY bash -c '"$SLUICE" job start --id a2 --profile node --cgroup "$CGROUP/agent/a1" --owner $$ && sleep 300' > "$T/out2" 2>&1 &
    eventually 10 grep -q started "$T/out2"
    fails in_cgroup agent $AS_NOBODY "$SLUICE" job end a2 2> "$T/out"
    has 'there is no job "a2"' "$T/out"
    fails in_cgroup agent/a1 "$SLUICE" job end a2 2> "$T/out"
    # A word that only root's orders have: who ends the job would empty that cgroup.
    mkdir -p "$CGROUPS$CGROUP/agent/a9"
    in_cgroup agent $AS_NOBODY bash -c 'exec "$0" -c "import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + bytes([10]))
print(s.recv(65536).decode())" "$1" "$2"' "$PYTHON" "$(ls_socket jobs.sock)" \
        "{\"version\": 1, \"request\": \"job_start\", \"id\": \"a9\", \"profile\": \"node\", \"cgroup\": [\"$CGROUP/agent/a9\"], \"made\": \"$CGROUP/elsewhere\"}" | jq -e .ok
    jobs_say | jq -e '.jobs[] | select(.id == "a9") | has("made") | not'
    in_cgroup elsewhere sleep 300 &
    eventually 5 grep -q . "$CGROUPS$CGROUP/elsewhere/cgroup.procs"
    job end a9
    [ -n "$(cat "$CGROUPS$CGROUP/elsewhere/cgroup.procs")" ] || die "a starter's word moved processes of others"
    kill %% 2> /dev/null || :
    # Below another job's cgroup there is no job.
    fails in_cgroup agent "$SLUICE" job start --id n --profile node --cgroup "$CGROUP/agent/a1/n" 2> "$T/out"
    job end a2
}

# One starter does not take all places; it is told why, and root still has room.
starter_quota() {
    mkdir -p "$CGROUPS$CGROUP/agent"
    chown -R $NOBODY "$CGROUPS$CGROUP/agent"
    in_cgroup agent $AS_NOBODY "$PYTHON" - "$(ls_socket jobs.sock)" "$CGROUP/agent" > "$T/out" <<'PY'
import json, os, socket, sys, time
def ask(**request):
    while True:
        s = socket.socket(socket.AF_UNIX)
        s.connect(sys.argv[1])
        s.sendall(json.dumps({"version": 1, **request}).encode() + b"\n")
        said = json.loads(b"".join(iter(lambda: s.recv(65536), b"")) or b'{"error": {"kind": "limit"}}')
        if said.get("ok") or said["error"]["kind"] != "limit": return said
        time.sleep(0.05)
started = 0
while (said := ask(request="job_start", id=f"q{started}", profile="node", cgroup=[f"{sys.argv[2]}/q{started}"], owner=os.getpid())).get("ok") and started < 150:
    started += 1
print(started, said.get("error"))
ask(request="job_end", id="q0")
print("again", ask(request="job_start", id="qa", profile="node", cgroup=[f"{sys.argv[2]}/qa"], owner=os.getpid()).get("ok"))
PY
    cat "$T/out"
    has '^100 .*refused: 100 jobs of the caller' "$T/out"
    has '^again True' "$T/out"
    job start --id roots --profile node --cgroup "$CGROUP/roots"
    job end roots
    jobs_say | jq -r '.jobs[].id' | while read -r id; do job end "$id" > /dev/null; done
    none_listed
}
# What is refused leaves nothing behind; what was there before stays.
refused_leaves_nothing() {
    mkdir -p "$CGROUPS$CGROUP/was/there"
    status 2 job start --id x --profile nodd --cgroup "$CGROUP/was/there" --cgroup "$CGROUP/was/new/er" --cgroup "$CGROUP/new/er" 2> /dev/null
    [ -d "$CGROUPS$CGROUP/was/there" ] && [ ! -e "$CGROUPS$CGROUP/was/new" ] && [ ! -e "$CGROUPS$CGROUP/new" ]
    # Nor what another put there meanwhile.
    job start --id y --profile node --cgroup "$CGROUP/y/a"
    status 2 job start --id z --profile node --cgroup "$CGROUP/y/a/b" 2> /dev/null
    [ -d "$CGROUPS$CGROUP/y/a" ] && [ ! -e "$CGROUPS$CGROUP/y/a/b" ]
    job end y
}
phase_outside() {
    status 2 job phase build 2> "$T/out"
    has 'outside a job its id is needed: sluice job phase ID PHASE' "$T/out"
}

# ---- what a job leaves ----

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
    job start --id l2 --profile node --cgroup "$CGROUP/l" --allow other.test
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
none_listed() { jobs_say | jq -e '.jobs == []' > /dev/null; }
kills_it() {
    job start --id k --profile node --cgroup "$CGROUP/k"
    survivor k
    eventually 10 grep -q . "$CGROUPS$CGROUP/k/cgroup.procs"
    job end k --kill 2> "$T/err.end"
    cat "$T/err.end"
    [ -z "$(cat "$CGROUPS$CGROUP/k/cgroup.procs")" ]
    eventually 5 none_listed
    fails in_cgroup k "$SLUICE" job end k --kill
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
    job start --id t --profile node --pid "$pid"
    settle a
    local old new
    old=$(grep -ac escaped-old- "$T/a.pcap") new=$(grep -ac escaped-new- "$T/a.pcap")
    sleep 1
    settle a
    [ "$(grep -ac escaped-old- "$T/a.pcap")" = "$old" ] || die "a socket from before went on"
    [ "$(grep -ac escaped-new- "$T/a.pcap")" = "$new" ] || die "a new socket went out"
    jobs_say | jq -e '.jobs[0].cgroup[0] | endswith("/sluice-job-t")'
    # Refused, and what the job made below its cgroup is left alone.
    local own beside
    own=$CGROUPS$(jobs_say | jq -r '.jobs[0].cgroup[0]')
    mkdir "$own/empty"
    h c sh -c 'echo $$; exec sleep 300' > "$T/beside" &
    eventually 5 test -s "$T/beside"
    beside=$(head -n 1 "$T/beside")
    fails job start --id t --profile node --pid "$beside"
    kill "$beside"
    [ -d "$own/empty" ] || die "a refused start removed a cgroup of the running job"
    # shellcheck disable=SC2046
    kill -KILL $(cat "$CGROUPS$(jobs_say | jq -r '.jobs[0].cgroup[0]')/cgroup.procs")
    job end t
    none_listed
}

# ---- fifty at once ----

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

# ---- over deaths and other policies ----

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
    has 'job v:[0-9]+:[0-9]+: unknown profile "node"' "$T/out"
    sed '/^      test:/d' "$T/policy.yaml" > "$T/without.yaml"
    status 2 h c "$SLUICE" apply "$T/without.yaml" 2> "$T/out"
    has 'scope "job-v" is in phase "test", which profile "job-v" does not have' "$T/out"
    may v cdn.test
    job end v
    [ -z "$(h c sh -c 'ls /run/sluice | grep job.v')" ]
}
keeper_again() {
    local now
    now=$(role_pid keeper) && [ "$now" != "$1" ] && h c "$SLUICE" status > /dev/null 2>&1
}
nonsense() {
    local request
    for request in '{"version": 1, "request": "job_start"}' '{"version": 1, "request": "job_start", "id": 7, "profile": "node"}' \
        '{"version": 1, "request": "job_start", "id": "n", "profile": "node", "cgroup": "/x"}' '{"version": 1, "request": "job_start", "id": "n", "profile": "node", "cgroup": [7]}' \
        '{"version": 1, "request": "job_start", "id": "n", "profile": "node", "cgroup": ["/x\nscopes: []"]}' '{"version": 1, "request": "job_start", "id": "n", "profile": "node", "cgroup": ["/x"], "phase": 7}' \
        '{"version": 1, "request": "job_start", "id": "n", "profile": "node", "cgroup": ["/x"], "allow": ["a\u0000b"]}' '{"version": 1, "request": "job_phase", "id": "n"}' \
        '{"version": 1, "request": "job_phase", "phase": "x"}' '{"version": 1, "request": "job_end", "id": {}}' '{"version": 1, "request": "job_list", "id": "n"}'; do
        gate_says "$(ls_socket gate.sock)" "$request" | tee "$T/out" | jq -e '.ok == false and .error.kind == "input"' || die "$request: $(cat "$T/out")"
    done
    none_listed
    # At everybody's socket: clients that say nothing keep nobody out.
    local before after keeper from silent asking
    start "$T/silent" c $AS_NOBODY "$PYTHON" -c 'import socket, sys, time
s = [socket.socket(socket.AF_UNIX) for _ in range(100)]
for x in s:
    x.setblocking(False)
    try: x.connect(sys.argv[1])
    except OSError: pass
print("silent", flush=True)
time.sleep(120)' "$(ls_socket jobs.sock)"
    silent=$!
    eventually 10 grep -q silent "$T/silent"
    # Nor do clients that ask as fast as they can keep it from its work.
    start "$T/asking" c $AS_NOBODY "$PYTHON" -c 'import socket, sys, time
print("asking", flush=True)
while True:
    try:
        s = socket.socket(socket.AF_UNIX)
        s.connect(sys.argv[1])
        s.sendall(b"[" * 8000 + bytes([10]))
        s.recv(1000)
        s.close()
    except OSError: pass' "$(ls_socket jobs.sock)"
    asking=$!
    eventually 10 grep -q asking "$T/asking"
    keeper=$(role_pid keeper)
    from=$(now_ms)
    before=$(awk '{print $14 + $15}' "/proc/$keeper/stat")
    sleep 2
    after=$(awk '{print $14 + $15}' "/proc/$keeper/stat")
    from=$((($(now_ms) - from) / 10))
    echo "of $from hundredths of a second the keeper was busy $((after - before))"
    [ $((after - before)) -lt $((from * 35 * SLOW / 100)) ] || die "asked in a loop, it is busy with nothing else"
    quick 5000 job start --id q --profile node --cgroup "$CGROUP/q"
    in_cgroup q $AS_NOBODY "$SLUICE" job phase build
    job end q
    kill $silent $asking
}

# ---- sluice run ----

runs_in_phases() {
    write_policy "$T/run.yaml"
    sed -i 's/^scopes:/scopes: []/; /^  - name/,/^unmatched/d' "$T/run.yaml"
    cat > "$T/run.sh" <<'SH'
get() { curl -sS --cacert "$CA" --max-time 10 -o /dev/null "https://$1/hello" 2> /dev/null && echo "got $1" || echo "not $1"; }
get allowed.test
"$SLUICE" job phase deploy && echo "widened"
"$SLUICE" job phase build || echo "not narrowed"
get allowed.test; get cdn.test
"$SLUICE" job phase test && echo "widened"
"$SLUICE" job phase "" && echo "left"
"$SLUICE" job end run && echo "ended"
"$SLUICE" job start --id x --profile node --cgroup /x && echo "started"
true
SH
    for as in "SUDO_UID=$NOBODY SUDO_GID=$NOBODY" ""; do
        h c env $as CA="$CA" SLUICE="$SLUICE" "$SLUICE" run -p "$T/run.yaml" --profile node --resolver 198.18.2.53 -- bash "$T/run.sh" > "$T/out" 2> "$T/err.run"
        cat "$T/out" "$T/err.run"
        [ "$(tr '\n' ' ' < "$T/out")" = "got allowed.test phase build entered; 0 open connections cut not allowed.test not cdn.test " ]
        has 'To allow: phases: \{ build: \{ allow: \[allowed.test\] \} \}, phases' "$T/err.run" # and no --allow, which a phase does not take
        fails grep -e '--allow' "$T/err.run"
    done
    h c env SUDO_UID=$NOBODY SUDO_GID=$NOBODY CA="$CA" "$SLUICE" run -p "$T/run.yaml" --profile node --phase test --resolver 198.18.2.53 -- \
        bash -c 'curl -sS --cacert "$CA" --max-time 10 -o /dev/null https://cdn.test/hello && ! curl -sS --cacert "$CA" --max-time 10 -o /dev/null https://allowed.test/hello' 2> "$T/err.run"
    status 125 h c "$SLUICE" run -p "$T/run.yaml" --profile node --phase nope -- true 2> "$T/out"
    has 'profile "node" has no phase "nope"' "$T/out"
    status 125 h c "$SLUICE" run --allow allowed.test --phase build -- true 2> "$T/out"
    has '.-phase needs a policy file' "$T/out"
    [ -z "$(h c sh -c 'ls /run/sluice | grep run-')" ]
}

write_policy "$T/policy.yaml"
gate_up output "$T/policy.yaml"
check "a job starts, is listed, ends with its summary" lives
check "wrong orders: said why, nothing begun" wrong_orders
check "phases: download with network, build without" phases
check "from inside only its own, and only narrower, as root and as a user" from_inside
check "a user outside every scope may nothing" strangers
check "a scope with starts_jobs: its profiles, its cgroups, its own jobs" agents_start_jobs
check "a starter has a quota" starter_quota
check "a start that is refused leaves no cgroup" refused_leaves_nothing
check "a phase from outside needs the job's id" phase_outside
check "what outlives a job, and no scope holds, stays held" leaves_it_held
check "--kill" kills_it
check "--kill of what is gone already" gone_before_asked
check "what outlives a job falls back to the scope around it" falls_back
check "processes that run already: held with the sockets they had" takes_running
check "$JOBS jobs at once" fifty
check "and they end" fifty_end
check "over the death of keeper and inspector, and another policy" survives
check "nonsense, and the silent" nonsense
check "sluice run: phases" runs_in_phases
finish
