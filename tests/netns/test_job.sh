#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2086,SC2155,SC2209,SC2329
# sluice job: start, phases, list, end; phases in sluice run.
. "$(dirname "$0")/jobs.sh"

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
start --id x --id y --profile node --cgroup $CGROUP/x
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
    # Where a shell finds the cgroup is no path below the mount: such a job would hold nothing.
    local path
    for path in "$CGROUPS$CGROUP/x" "/sys/fs/cgroup/unified$CGROUP/x" "/sys/fs/cgroup$CGROUP/x"; do
        status 2 job start --id x --profile node --cgroup "$path" 2> "$T/out"
        has "^sluice: --cgroup: column 1: a cgroup is its path below the cgroup2 mount, without " "$T/out"
    done
    has ": write $CGROUP/x$" "$T/out"
    [ ! -e "$CGROUPS/sys" ]
    status 2 job start --id x --profile node --source 10.0.0.1/24 2> "$T/out"
    has '^sluice: --source: column 1: "10.0.0.1/24" is no range of addresses' "$T/out"
    status 2 job start --id x --profile node --interface lo 2> "$T/out"
    has '^sluice: --interface: column 1: loopback is no interface' "$T/out"
    status 2 job start --id x --profile node --cgroup '' 2> "$T/out"
    has '^sluice: --cgroup: column 1: a cgroup is its path' "$T/out"
    jobs_say | jq -e '.jobs | length == 1'
    may same allowed.test
    job end same
}
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
    # A policy without what the job has: said as the job is called, not by a place in a text that nobody wrote.
    sed '/deploy:/d' "$T/policy.yaml" > "$T/less.yaml"
    status 2 h c "$SLUICE" apply "$T/less.yaml" 2> "$T/out"
    has '^sluice: job p: it is in phase "deploy", which profile "node" does not have$' "$T/out"
    sed 's/^  node:/  nodes:/; s/\[node\]/[nodes]/' "$T/policy.yaml" > "$T/less.yaml"
    status 2 h c "$SLUICE" apply "$T/less.yaml" 2> "$T/out"
    has '^sluice: job p: it has profile "node", which the policy does not have$' "$T/out"
    status 2 h c "$SLUICE" apply --json "$T/less.yaml" > "$T/out"
    jq -e '.error.kind == "input" and (.error | has("line") | not)' "$T/out"
    job phase p "" > "$T/out"
    has '^phase left' "$T/out"
    may p allowed.test
    # The operator's own cuts are nobody's attempts.
    job end p --fail-on alert --json | jq -e '[.summary.refused[].reason] | index("policy_changed") == null'
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
# It would leave what holds it: the error says so, and what to do instead.
nested_runs() {
    local as nested="$SLUICE run --allow allowed.test -- true"
    for as in "env SUDO_UID=$NOBODY SUDO_GID=$NOBODY" "env -u SUDO_UID"; do
        status 125 h c $as "$SLUICE" run --allow allowed.test --resolver 198.18.2.53 -- $nested 2> "$T/out"
        has "^sluice: this process is in a 'sluice run' already, .* Start the command as it is: it is held too. .* 'sluice job phase NAME'$" "$T/out"
    done
    job start --id n --profile node --cgroup "$CGROUP/n"
    for as in "" "$AS_NOBODY"; do
        status 125 in_cgroup n $as $nested 2> "$T/out"
        has "^sluice: this process is in job \"n\" of the running gate, .* as it is: .* 'sluice job phase NAME'$" "$T/out"
    done
    job end n
    status 125 in_cgroup plain $nested 2> "$T/out"
    has "^sluice: this process is in scope \"plain\" of the running gate, .* as it is: .* 'sluice job start', in a cgroup of its own$" "$T/out"
    status 125 h c $AS_NOBODY $nested 2> "$T/out"
    has 'run needs root' "$T/out"
}
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

# A phase may drop a proxy, not what makes the proxy's place judged.
phases_drop_a_proxy() {
    cat > "$T/proxy.yaml" <<'YAML'
version: 1
profiles:
  node:
    allow: [allowed.test, "tcp://tcp.test:3000-9001", "proxy://mirror.test:3128"]
    deny: [bad.wild.test]
    phases:
      wide: { allow: ["tcp://tcp.test:3000-4000"] }
      ports: { allow: [allowed.test, "tcp://tcp.test:9001"] }
      asks: { allow: ["dns://allowed.test"] }
scopes: []
YAML
    h c env SLUICE="$SLUICE" "$SLUICE" run -p "$T/proxy.yaml" --profile node --resolver 198.18.2.53 -- \
        sh -c '"$SLUICE" job phase wide; "$SLUICE" job phase ports && "$SLUICE" job phase asks' > "$T/out" 2> "$T/err.run"
    cat "$T/out" "$T/err.run"
    [ "$(cat "$T/out")" = "$(printf 'phase %s entered; 0 open connections cut\n' ports asks)" ]
    has 'phase "wide" is wider in its proxies than what holds now' "$T/err.run"
}

write_policy "$T/policy.yaml"
gate_up output "$T/policy.yaml"
check "a job starts, is listed, ends with its summary" lives
check "wrong orders: said why, nothing begun" wrong_orders
check "a start that is refused leaves no cgroup" refused_leaves_nothing
check "phases: download with network, build without" phases
check "a phase from outside needs the job's id" phase_outside
check "a run inside a run, a job, a scope" nested_runs
check "sluice run: phases" runs_in_phases
check "from inside, a phase without a proxy is narrower where nothing may go to its port" phases_drop_a_proxy
finish
