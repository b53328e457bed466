#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# A running gate and its policy file: SIGHUP is all or nothing; a bad file changes nothing and says where it is wrong.
. "$(dirname "$0")/lib.sh"
bed
capture a a0
FORM=output

reload() { kill -HUP "$(role_pid launcher | head -1)"; }
works() { fetch "https://$1/hello" | grep -q hello; }
refuses() { fails fetch "https://$1/hello" 2> /dev/null; }

adds_a_name() {
    refuses mirror.test
    policy "$T/policy.yaml" "${ALLOW[@]}" mirror.test
    reload
    eventually 3 works mirror.test
    works allowed.test
}
removes_a_name() {
    policy "$T/policy.yaml" allowed.test
    reload
    eventually 3 refuses mirror.test
    works allowed.test
}
cuts_open_flows() {
    policy "$T/policy.yaml" "${ALLOW[@]}"
    reload
    eventually 3 works cdn.test
    rm -f "$T/cut" "$T/kept"
    fetch --limit-rate 2m -o "$T/cut" https://cdn.test/slow 2> "$T/cut.err" &
    local cut=$!
    fetch --limit-rate 8m -o "$T/kept" https://allowed.test/slow 2> "$T/kept.err" &
    local kept=$! got=0
    eventually 10 test -s "$T/cut"
    eventually 10 test -s "$T/kept"
    policy "$T/policy.yaml" allowed.test
    reload
    wait $cut || got=$?
    [ $got != 0 ] && [ $got != 28 ] || die "the flow that the policy no longer allows went on"
    [ "$(stat -c %s "$T/cut")" -lt 20000000 ] || die "it was cut late"
    wait $kept || die "the flow that stays allowed was cut: $(cat "$T/kept.err")"
    [ "$(sha256sum < "$T/kept")" = "$(sha256sum < "$T/www/large")" ]
}
# bad FILE: check says where, with status 2; the running gate goes on as it was and says so too.
bad() {
    local lines
    cp "$1" "$T/policy.bad" # the same name for both, so that what they print can be compared
    status 2 timeout 200 "$SLUICE" check "$T/policy.bad" > "$T/check.bad" 2>&1
    head -c 600 "$T/check.bad"
    grep -aEq 'policy\.bad:[0-9]+:[0-9]+: .' "$T/check.bad" || die "no line and column"
    fails grep -aqP '[\x00-\x08\x0e-\x1f\x7f]|\xc2[\x80-\x9f]' "$T/check.bad" || die "raw bytes in the message"
    lines=$(wc -l < "$T/gate.log")
    cp "$1" "$T/policy.yaml"
    reload
    eventually 5 sh -c 'tail -n +$(($1 + 1)) "$2" | grep -aEq "policy\.yaml:[0-9]+:[0-9]+"' sh "$lines" "$T/gate.log" || die "the gate did not say what is wrong"
    works allowed.test
    refuses mirror.test
}
generated() {
    head -c 100000 /dev/urandom > "$T/bad-binary.yaml"
    head -c 60 "$T/good.yaml" > "$T/bad-truncated.yaml"
    { cat "$T/good.yaml" && printf 'x: \0y\n'; } > "$T/bad-nul.yaml"
    { printf 'version: 1\nprofiles:\n  test: { allow: [' && head -c 70000000 /dev/zero | tr '\0' a && echo; } > "$T/bad-enormous.yaml"
    : > "$T/bad-empty.yaml"
}
gone() {
    mv "$T/policy.yaml" "$T/elsewhere"
    mkfifo "$T/policy.yaml"
    reload
    sleep 1
    works allowed.test
    rm "$T/policy.yaml"
    reload
    sleep 0.5
    works allowed.test
    refuses mirror.test
    mv "$T/elsewhere" "$T/policy.yaml"
}
directory() {
    policy "$T/policy.yaml" allowed.test
    mkdir -p "$T/policy.d"
    printf 'profiles:\n  more: { allow: [mirror.test] }\n' > "$T/policy.d/10-more.yaml"
    sed -i 's/profile: test$/profile: more/' "$T/policy.yaml"
    reload
    eventually 3 works mirror.test || { cat "$T/gate.log" && return 1; }
    refuses allowed.test
    printf 'profiles:\n  more: { alow: [mirror.test] }\n' > "$T/policy.d/10-more.yaml"
    reload
    eventually 3 grep -q '10-more.yaml:2:' "$T/gate.log"
    works mirror.test
    rm -r "$T/policy.d"
    policy "$T/policy.yaml" allowed.test
    reload
    eventually 3 works allowed.test
}
reload_storm() {
    local i
    for i in {1..30}; do
        if [ $((i % 2)) = 0 ]; then policy "$T/next" allowed.test; else policy "$T/next" allowed.test mirror.test; fi
        mv "$T/next" "$T/policy.yaml"
        reload
        works allowed.test || die "reload $i"
    done
}
h_status() { h c "$SLUICE" status; }
status_says() {
    h c "$SLUICE" status > "$T/status"
    grep -q test "$T/status"
    h c "$SLUICE" status --json | jq -e . > /dev/null
}

# The scope's cgroup is removed and made again; a datagram leaves a new socket in it SECONDS later.  Ten times.  The gate has as long with a
# processor for each who wants one: what something waited for them (PSI) comes on top, two seconds at most.
cat > "$T/again.py" << 'PY'
import os, socket, sys, time
cgroup, delay, word = sys.argv[1], float(sys.argv[2]), sys.argv[3].encode()
top = cgroup[: -len(sys.argv[4])]
home = top + next(line[3:] for line in open("/proc/self/cgroup").read().split("\n") if line.startswith("0::"))
def waited():
    try:
        return int(open("/proc/pressure/cpu").readline().split("total=")[1]) / 1e6
    except OSError:
        return 0.0
def rest():
    begun, before = time.monotonic(), waited()
    while time.monotonic() - begun < delay + min(2.0, waited() - before):
        time.sleep(0.01)
def enter(folder):
    with open(folder + "/cgroup.procs", "w") as procs:
        procs.write("0")
for i in range(10):
    for folder, _, _ in os.walk(cgroup, topdown=False):
        os.rmdir(folder)
    os.mkdir(cgroup)
    rest()
    enter(cgroup)
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        datagram.sendto(word, ("198.18.3.66", 9999))
    except OSError:
        pass
    enter(home)
    datagram.close()
PY
again() { h c "$PYTHON" "$T/again.py" "$CGROUPS$CGROUP" "$1" "$2" "$CGROUP"; }
held_again() {
    h c bash -c 'printf again-outside > /dev/udp/198.18.3.66/9999'
    again "$(awk -v slow="$SLOW" 'BEGIN {print 0.05 * slow}')" again-inside
    settle a
    grep -aq again-outside "$T/a.pcap" || die "no datagram of the host's own arrived"
    fails grep -aq again-inside "$T/a.pcap" || die "a datagram of the cgroup that was made again passed"
    fetch https://allowed.test/hello | grep -q hello
}
busy_usec() { awk '{ print ($14 + $15) * 10000 }' "/proc/$1/stat"; }
# Whoever makes other cgroups beside it in a loop neither keeps the keeper busy nor blinds it.
held_in_a_storm() {
    local storm keeper before used got=0
    keeper=$(role_pid keeper)
    h c "$PYTHON" -c 'import os, sys, time
end = time.monotonic() + 5
while time.monotonic() < end:
    os.mkdir(sys.argv[1])
    os.rmdir(sys.argv[1])' "$CGROUPS$CGROUP-storm" &
    storm=$!
    before=$(busy_usec "$keeper")
    again "$(awk -v slow="$SLOW" 'BEGIN {print 0.15 * slow}')" again-storm || got=1
    wait $storm || got=1
    used=$(($(busy_usec "$keeper") - before))
    echo "the keeper worked $used microseconds"
    settle a
    fails grep -aq again-storm "$T/a.pcap" || die "a datagram passed"
    [ $got = 0 ] && [ $used -lt 1500000 ]
}
shows_failure() { h_status | grep -q '^last reload failed: .*policy\.yaml:2:1: '; }
# The message of a failed reload is shown as it was written: file, the line, a caret.
status_shows_failure() {
    printf 'version: 1\nscoops: []\n' > "$T/policy.yaml"
    reload
    eventually 5 shows_failure
    h_status > "$T/status"
    grep -x '    scoops: \[\]' "$T/status"
    grep -x '    ^' "$T/status"
    fails grep -F '\x0a' "$T/status"
}
# A policy without scopes is a good one, and says that it holds nothing.
holds_nothing() {
    printf 'version: 1\nprofiles: { p: { allow: [allowed.test] } }\n' > "$T/policy.yaml"
    reload
    eventually 5 grep -q '^sluice: warning: .*policy\.yaml has no scopes: this gate holds nothing$' "$T/gate.log"
    gate_down
    nsenter -t "${HOST[c]}" -n -m -- timeout 200 "$SLUICE" gate -c "$T/policy.yaml" > "$T/empty.log" 2>&1 &
    local gate=$!
    eventually 10 h_status > /dev/null
    eventually 5 grep '^sluice: warning: .*policy\.yaml has no scopes: this gate holds nothing$' "$T/empty.log"
    kill -TERM $gate
    wait $gate || die "its exit status is $?"
    h c "$SLUICE" down
}

policy "$T/good.yaml" allowed.test
policy "$T/policy.yaml" "${ALLOW[@]}"
gate_up output "$T/policy.yaml"
check "sluice status" status_says
check "a cgroup that is made again is held 50 ms later" held_again
check "so it is while others are made in a loop" held_in_a_storm
check "a reload adds a name" adds_a_name
check "a reload removes a name" removes_a_name
check "a reload cuts the flows that it no longer allows, and no other" cuts_open_flows
check "policy.d beside the file" directory
generated
for file in "$ROOT"/tests/policy/bad/*.yaml "$T"/bad-*.yaml; do
    [ -e "$file" ] || continue
    check "bad policy: ${file##*/}" bad "$file"
done
policy "$T/policy.yaml" allowed.test
check "a policy file that is gone, or a pipe" gone
check "thirty reloads in a row" reload_storm
check "status shows why the last reload failed" status_shows_failure
check "a policy without scopes: a warning" holds_nothing
starts_not() {
    local got=0
    printf 'version: 1\nscoops: []\n' > "$T/wrong.yaml"
    timeout 100 nsenter -t "${HOST[c]}" -n -m -- "$SLUICE" gate -c "$T/wrong.yaml" > "$T/wrong.log" 2>&1 || got=$?
    [ $got = 2 ]
    grep -E 'wrong.yaml:2:1: ' "$T/wrong.log"
    fails h c sh -c 'nft list tables | grep sluice'
}
check "a gate does not start with a bad policy: status 2" starts_not
finish
