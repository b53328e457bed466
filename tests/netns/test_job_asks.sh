#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2086,SC2155,SC2209,SC2329
# sluice job: who may ask for what; scopes that start jobs; wrong and silent askers.
. "$(dirname "$0")/jobs.sh"

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
    # The owner dies: nobody of that scope sees its job or ends it, root does.
    job list > "$T/out"
    fails grep 'owner is gone' "$T/out"
    jobs_say | jq -e '.jobs[0] | .id == "a2" and .starter == "agent" and .owner > 0'
    kill -KILL "$(jobs_say | jq '.jobs[0].owner')"
    eventually 10 owner_gone
    job list > "$T/out"
    has '^a2 .*its owner is gone: only root ends it' "$T/out"
    in_cgroup agent $AS_NOBODY "$SLUICE" job list --json | jq -e '.jobs == []'
    fails in_cgroup agent $AS_NOBODY "$SLUICE" job end a2 2> "$T/out"
    job end a2
    jobs_say | jq -e '.jobs == []'
}
owner_gone() { jobs_say | jq -e '.jobs[0] | .id == "a2" and .owner == 0' > /dev/null; }
# A parent that is process 1, of a pid namespace of its own or of the machine (a hook of systemd, an orphan).
parent_is_process_1() {
    local in
    h c unshare -p -f --mount-proc --kill-child sh -c '"$0" job start --id p1 --profile node --cgroup "$1"; exit $?' "$SLUICE" "$CGROUP/p1"
    job end p1
    # There the agent is the owner all the same: the gate sees it by another pid.
    mkdir -p "$CGROUPS$CGROUP/agent"
    in_cgroup agent unshare -p -f --mount-proc --kill-child sh -c '"$0" job start --id p1 --profile node --cgroup "$1" && "$0" job end p1; exit $?' "$SLUICE" "$CGROUP/agent/p1"
    # An orphan is process 1's child, or its subreaper's, which may own it.
    cat > "$T/orphan.sh" <<'SH'
(
    self=$BASHPID
    parent() { sed 's/.*) . //; s/ .*//' "/proc/$self/stat"; }
    while [ "$(parent)" = $$ ]; do sleep 0.05; done
    [ "$(parent)" = 1 ] && echo "of process 1"
    exec "$SLUICE" job start --id "$1" --profile node --cgroup "$CGROUP/$2/$1"
) > "$3" 2>&1 &
SH
    mkdir -p "$CGROUPS$CGROUP/orphans"
    export SLUICE CGROUP
    in_cgroup orphans bash "$T/orphan.sh" p2 orphans "$T/out.orphan"
    eventually 20 grep -q '^job p2 started' "$T/out.orphan"
    job end p2
    in_cgroup agent bash "$T/orphan.sh" p3 agent "$T/out.agent"
    eventually 20 grep -q 'job' "$T/out.agent"
    if grep -q '^of process 1' "$T/out.agent"; then
        has "^sluice: refused: nobody could end the job, for the caller's parent is process 1" "$T/out.agent"
    else
        job end p3
    fi
    none_listed
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

write_policy "$T/policy.yaml"
gate_up output "$T/policy.yaml"
check "from inside only its own, and only narrower, as root and as a user" from_inside
check "a user outside every scope may nothing" strangers
check "a scope with starts_jobs: its profiles, its cgroups, its own jobs" agents_start_jobs
check "a caller whose parent is process 1" parent_is_process_1
check "a starter has a quota" starter_quota
check "nonsense, and the silent" nonsense
finish
