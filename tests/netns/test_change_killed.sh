#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2086,SC2155,SC2209,SC2329
# The keeper dies (kill -9) in the middle of a change of policy: the next one finishes it, or it never was.  Where it is in force, what it no
# longer allows is cut, and nothing else; who asked is told that the gate died over it.  killed_at.py stops at the point, not by time.
. "$(dirname "$0")/lib.sh"
bed
FORM=output
job() { h c timeout 60 "$SLUICE" job "$@"; }
apply() { h c timeout 60 "$SLUICE" apply "$@"; }
write_policy() {
    cat > "$1" <<YAML
version: 1
resolvers: [198.18.2.53]
profiles:
  node: { allow: [$2], phases: { build: { allow: [cdn.test, mirror.test] } } }
scopes: []
unmatched: pass
YAML
}
ALL='cdn.test, other.test, mirror.test'
PIDS=()

# opened ID NAME: a download that lasts, from the job's cgroup.
opened() {
    rm -f "$T/got.$2"
    in_cgroup "$1" setpriv --pdeathsig KILL curl -sS --cacert "$CA" --limit-rate 100k -o "$T/got.$2" "https://$2/large" 2> "$T/err.$2" &
    eventually 10 test -s "$T/got.$2" || die "$2 was not opened: $(cat "$T/err.$2")"
}
# One that both allow, kept open over everything that follows; cdn.test has the address of other.test.
begin() {
    job start --id p --profile node --cgroup "$CGROUP/p"
    in_cgroup p curl -sS --cacert "$CA" -o /dev/null https://cdn.test/hello
    opened p mirror.test
}
kept_goes_on() {
    local before
    before=$(stat -c %s "$T/got.mirror.test")
    eventually 20 grown "$before" || die "what both allow was cut: $(cat "$T/err.mirror.test")"
}
grown() { [ "$(stat -c %s "$T/got.mirror.test")" -gt "$1" ]; }

# watched WHERE...: the keeper dies there.
watched() {
    KEEPER=$(role_pid keeper)
    "$PYTHON" "$ROOT/tests/netns/killed_at.py" "$KEEPER" "$@" > "$T/killed" 2>&1 &
    WATCHER=$!
    eventually 10 grep -Eq 'ready|cannot|Error' "$T/killed"
    ! grep -q 'cannot watch' "$T/killed" || skip "$(cat "$T/killed")"
    grep -q ready "$T/killed" || die "$(cat "$T/killed")"
}
another_keeper() { [ -n "$(role_pid keeper)" ] && [ "$(role_pid keeper)" != "$KEEPER" ] && h c "$SLUICE" status --json | jq -e .holds; }
died() {
    eventually 10 grep -q killed "$T/killed" || die "it was never there"
    cat "$T/killed"
    eventually 10 another_keeper > /dev/null
}
says_restarted() { has 'restarted while it worked on this.* see whether it was done' "$1"; }
phase_of() { job list --json | jq -r --arg id "$1" '.jobs[] | select(.id == $id).phase'; }
# Of 198.18.2.80 and 2001:db8:2::80: a download that is told so late may still have much to read.
is_cut() { ! h c ss -Htn state established '( dport = :443 )' | grep -E '2[.:]+80]?:443'; }
all_cut() { eventually 10 is_cut || die "the connection that is no longer allowed goes on"; }

# Steps of `job phase`, the Nth: false when it came to its end before.
phase_step() {
    local got=0
    job phase p "" > /dev/null
    opened p other.test
    watched step "$1"
    job phase p build > "$T/out" 2>&1 || got=$?
    if [ $got = 0 ]; then
        kill $WATCHER 2> /dev/null || :
        wait $WATCHER || :
        all_cut
        eventually 10 role_pid keeper > /dev/null
        touch "$T/whole"
        return
    fi
    died
    [ $got = 1 ] || die "exit status $got"
    says_restarted "$T/out"
    got=$(phase_of p)
    # Asked again, it says so when it is true.
    job phase p build > "$T/out" 2>&1
    if [ "$got" = build ]; then
        touch "$T/entered"
        has 'entered; 0 open connections cut' "$T/out"
    else
        touch "$T/not-entered"
        has 'entered; 1 open connection cut' "$T/out" # another keeper alone cuts nothing
    fi
    all_cut
}
phase() {
    local n
    begin
    for n in {1..200}; do
        phase_step $n
        [ ! -e "$T/whole" ] || break
    done
    echo "$n steps"
    [ -e "$T/whole" ] || die "it has no end"
    [ -e "$T/entered" ] && [ -e "$T/not-entered" ] || die "not both before and behind the switch"
    kept_goes_on
}
in_force() { [ "$(h c "$SLUICE" status --json | jq -r .policy)" = "$1" ]; }
apply_narrower() {
    job phase p ""
    opened p other.test
    watched switch
    status 1 apply "$T/narrow.yaml" > "$T/out" 2>&1
    says_restarted "$T/out"
    died
    all_cut
    in_force "$T/narrow.yaml" || die "status names another policy than the one in force"
    fails in_cgroup p curl -sS --cacert "$CA" --max-time 10 -o /dev/null https://other.test/hello
    kept_goes_on
    apply "$T/policy.yaml"
    in_force "$T/policy.yaml"
}
reload() {
    opened p other.test
    watched switch
    cp "$T/narrow.yaml" "$T/policy.yaml"
    kill -HUP "$(role_pid launcher | head -1)"
    died
    all_cut
    kept_goes_on
    write_policy "$T/policy.yaml" "$ALL"
    apply
}
end() {
    job start --id q --profile node --cgroup "$CGROUP/q"
    opened q other.test
    watched switch
    status 1 job end q > "$T/out" 2>&1
    says_restarted "$T/out"
    died
    all_cut
    kept_goes_on
    job list --json | jq -e '.jobs | map(.id) | index("p") == 0'
}
write_policy "$T/policy.yaml" "$ALL"
write_policy "$T/narrow.yaml" 'cdn.test, mirror.test'
gate_up output "$T/policy.yaml"
check "the keeper dies before each step of job phase" phase
check "the keeper dies in an apply: its policy is in force, and named" apply_narrower
check "the keeper dies in a reload" reload
check "the keeper dies in job end" end
finish
