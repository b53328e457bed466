#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# sluice apply and the control socket: all or nothing, no approved packet lost, what is no longer allowed is cut at once.
. "$(dirname "$0")/lib.sh"
bed
capture a a0
FORM=output

apply() { h c timeout $((60 * SLOW)) "$SLUICE" apply "$@"; }
works() { fetch "https://$1/hello" | grep -q hello; }
refuses() { fails fetch "https://$1/hello" 2> /dev/null; }
retransmitted() { h c awk '/^Tcp: [0-9]/ {print $13}' /proc/net/snmp; }
control_socket() { h c sh -c 'echo /run/sluice/*gate.sock'; }
gate_says() { h c "$PYTHON" -c 'import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
s.sendall(sys.stdin.buffer.read())
s.shutdown(socket.SHUT_WR)
while (d := s.recv(65536)): sys.stdout.buffer.write(d)' "$(control_socket)"; }

applies_its_own() {
    refuses mirror.test
    policy "$T/policy.yaml" "${ALLOW[@]}" mirror.test
    apply > "$T/out"
    has "policy.yaml is in force: 1 scope, .*; 0 open connections cut" "$T/out"
    works mirror.test # at once: it was in force when apply returned
    policy "$T/other.yaml" allowed.test
    apply "$T/other.yaml"
    refuses mirror.test
    h c "$SLUICE" status --json | jq -e '.policy | endswith("/other.yaml")'
    apply
    works mirror.test
}
# The cut comes before apply says that the policy is in force; by the client's own clock, which a busy machine may let look at its socket
# late: the best of five cuts counts.
cuts_what_is_gone() {
    local tries took
    for tries in {1..5}; do
        cut_once || return 1
        took=$(($(sed -n 's/^ended at //p' "$T/cut") - RETURNED))
        echo "it ended $took ms after the policy was in force"
        [ $took -ge 100 ] || return 0
    done
    return 1
}
cut_once() {
    local kept
    policy "$T/policy.yaml" "${ALLOW[@]}"
    apply
    client getent ahosts tcp.test > /dev/null
    near download 198.18.2.81 9001 40000000 2000000 > "$T/cut" 2>&1 &
    local cut=$!
    rm -f "$T/kept"
    fetch --limit-rate 8m -o "$T/kept" https://allowed.test/slow 2> "$T/kept.err" &
    kept=$!
    eventually 10 sh -c 'nsenter -t "$1" -n ss -Htn dst 198.18.2.81:9001 | grep -q ESTAB' sh "${HOST[c]}"
    eventually 10 test -s "$T/kept"
    policy "$T/policy.yaml" allowed.test
    apply --json > "$T/out"
    RETURNED=$(now_ms)
    if wait $cut; then die "it came to its end"; fi
    jq -e '.cut == 1' "$T/out"
    wait $kept || die "the flow that stays allowed was cut: $(cat "$T/kept.err")"
    [ "$(sha256sum < "$T/kept")" = "$(sha256sum < "$T/www/large")" ]
}
# Connections that show their name while the policy that allows it is replaced: what they showed is known when they are judged again.
MANY='
import socket, sys, time
sys.path.insert(0, sys.argv[1])
from raw import hello
for n in ("cdn.test", "allowed.test"): socket.getaddrinfo(n, 443, socket.AF_INET)
data, socks, alive = hello("cdn.test"), [], 0
for _ in range(120): # the server has room for 1,024 in all
    socks.append(socket.create_connection(("198.18.2.80", 443), 5))
print("ready", flush=True)
for s in socks:
    try: s.send(data)
    except OSError: pass
    time.sleep(0.002)
sys.stdin.read(1) # the narrow policy is in force
deadline = time.monotonic() + 2
for s in socks:
    answered = False
    while True:
        s.settimeout(max(0.001, deadline - time.monotonic()) if answered else 0.01)
        try:
            if not s.recv(65536): break
            answered = True
        except TimeoutError:
            alive += answered
            break
        except OSError: break
print("alive", alive)'
cuts_the_newest() {
    local round many
    policy "$T/wide.yaml" allowed.test cdn.test
    policy "$T/narrow.yaml" allowed.test
    for round in {1..5}; do
        apply "$T/wide.yaml"
        rm -f "$T/go" && mkfifo "$T/go"
        client "$PYTHON" -c "$MANY" "$ROOT/tests/redteam/tools" > "$T/many" < "$T/go" &
        many=$!
        exec 9> "$T/go"
        eventually 10 grep -q ready "$T/many"
        sleep 0.1
        apply "$T/narrow.yaml" 9>&-
        echo >&9
        exec 9>&-
        wait $many
        has 'alive 0$' "$T/many"
    done
}
applied_during_transfer() {
    local before kept i
    policy "$T/policy.yaml" "${ALLOW[@]}"
    apply
    rm -f "$T/kept"
    fetch --limit-rate 8m -o "$T/kept" https://allowed.test/slow 2> "$T/kept.err" &
    kept=$!
    eventually 10 test -s "$T/kept" # a hello that is held long is sent again by its sender
    before=$(retransmitted)
    for i in {1..20}; do
        if [ $((i % 2)) = 0 ]; then policy "$T/policy.yaml" allowed.test; else policy "$T/policy.yaml" allowed.test mirror.test; fi
        apply --json | jq -e '.ok and .cut == 0' > "$T/out" || die "apply $i: $(cat "$T/out")"
    done
    wait $kept || die "cut: $(cat "$T/kept.err")"
    [ "$(sha256sum < "$T/kept")" = "$(sha256sum < "$T/www/large")" ] || die "it differs"
    AGAIN=$(($(retransmitted) - before))
}
# A sender whose machine is busy sends again too what was only acknowledged late: one transfer of three must be without.
loses_nothing() {
    local AGAIN=0
    for _ in 1 2 3; do
        applied_during_transfer || return 1
        [ $AGAIN != 0 ] || return 0
    done
    die "$AGAIN segments were sent again"
}
rehearses() {
    local flow
    policy "$T/policy.yaml" "${ALLOW[@]}"
    apply
    rm -f "$T/kept"
    fetch --limit-rate 4m -o "$T/kept" https://cdn.test/slow 2> "$T/kept.err" &
    flow=$!
    eventually 10 test -s "$T/kept"
    policy "$T/next.yaml" allowed.test added.test
    apply --dry-run --diff "$T/next.yaml" > "$T/out"
    cat "$T/out"
    grep -Fx '  + profile test allow  added.test' "$T/out"
    grep -Fx '  - profile test allow  cdn.test' "$T/out"
    fails grep -F ' allowed.test' "$T/out"
    grep -Fx 'would cut 1 open connection:' "$T/out"
    grep -Eq '^  tcp  [0-9a-f.:]+ port [0-9]+ to [0-9a-f.:]+ port 443  cdn\.test  scope test$' "$T/out"
    grep -Fx 'dry run: nothing was changed' "$T/out"
    apply --dry-run --json "$T/next.yaml" | jq -e '.dry_run and .cut == 1 and .would_cut[0].domain == "cdn.test" and .would_cut[0].scope == "test"'
    h c "$SLUICE" status --json | jq -e '.policy | endswith("/policy.yaml")'
    wait $flow || die "a rehearsal cut it: $(cat "$T/kept.err")"
    works cdn.test
    apply --dry-run --diff > "$T/out"
    has 'the policy in force says the same' "$T/out"
    has 'would cut 0 open connections' "$T/out"
    # Both answers are one object.
    apply --diff --json | jq -se 'length == 1 and .[0].ok and .[0].cut == 0 and .[0].rehearsal.differences == []'
}
refuses_the_bad() {
    printf 'version: 1\nprofiles: { p: { alow: [] } }\n' > "$T/bad.yaml"
    for with in "" --dry-run; do
        status 2 apply $with "$T/bad.yaml" 2> "$T/out"
        has 'bad\.yaml:2:18: unknown key "alow"' "$T/out"
        status 2 apply $with --json "$T/bad.yaml" > "$T/out" 2> "$T/apply.err"
        jq -se 'length == 1 and (.[0].error | .kind == "input" and (.file | endswith("bad.yaml")) and .line == 2 and .column == 18)' "$T/out"
    done
    status 2 apply "$T/not-there.yaml" 2> "$T/out"
    has 'not-there.yaml: No such file' "$T/out"
    status 2 apply "$T/bad.yaml" "$T/bad.yaml"
    works allowed.test
    works cdn.test
}
several_at_once() {
    local pids=() p i
    for i in {1..6}; do
        policy "$T/p$i.yaml" allowed.test "n$i.test"
        apply "$T/p$i.yaml" &
        pids+=($!)
    done
    for p in "${pids[@]}"; do wait "$p" || die "one of them failed"; done
    works allowed.test
    apply
}
from_inside() {
    status 1 client "$SLUICE" apply "$T/policy.yaml" 2> "$T/out"
    has 'the caller is in a scope of this gate' "$T/out"
    status 1 client "$SLUICE" down 2> "$T/out"
    has 'the caller is in a scope of this gate' "$T/out"
    client "$SLUICE" status > "$T/out"
    has 'scope +test' "$T/out"
    works allowed.test
}
not_as_a_user() {
    status 125 h c setpriv --reuid 65534 --clear-groups "$SLUICE" apply 2> "$T/out"
    has 'apply needs root' "$T/out"
    # The socket itself, whatever the program says.
    fails h c setpriv --reuid 65534 --clear-groups "$PYTHON" -c 'import socket, sys
socket.socket(socket.AF_UNIX).connect(sys.argv[1])' "$(control_socket)" 2> "$T/out"
    has 'PermissionError' "$T/out"
}
nonsense() {
    local text
    for text in '' '{}' '[' 'status' '{"version": 2, "request": "status"}' '{"version": 1, "request": "stopp"}' '{"version": 1, "request": "apply", "policy": 7}' \
        '{"version": 1, "request": "apply", "policy": "relative.yaml"}' '{"version": 1, "request": "status", "request": "stop"}' '{"version":1,"request":"\u0000"}'; do
        printf '%s\n' "$text" | gate_says > "$T/out"
        jq -e '.version == 1 and .ok == false and .error.kind == "input"' "$T/out" || die "$text: $(cat "$T/out")"
    done
    head -c 100000 /dev/zero | tr '\0' '[' | gate_says > "$T/out" 2> /dev/null || : # closed while it sends
    printf '%0.s{"a":' {1..1500} | gate_says > "$T/out" 2> /dev/null || :
    for _ in {1..20}; do head -c 3000 /dev/urandom | gate_says > /dev/null 2>&1 || :; done
    printf '{"version": 1, "request": "status"}\n' | gate_says | jq -e '.ok and .holds'
}
# 40 clients that say nothing keep nobody out for longer than their time.
the_silent() {
    start "$T/silent" c "$PYTHON" -c 'import socket, sys, time
s = [socket.socket(socket.AF_UNIX) for _ in range(40)]
for x in s: x.connect(sys.argv[1])
print("silent", flush=True)
time.sleep(120)' "$(control_socket)"
    local silent=$!
    eventually 10 grep -q silent "$T/silent"
    apply
    kill $silent
    works allowed.test
}
no_gate() {
    kill -TERM "$GATE"
    eventually 15 dead "$GATE"
    status 1 h c "$SLUICE" status > "$T/out"
    has '^no gate runs in this network namespace, and the rules of one that ended stand: .*sluice down' "$T/out"
    status 1 h c "$SLUICE" status --json > "$T/out"
    jq -e '.running == false and .rules' "$T/out"
    h c "$SLUICE" down > /dev/null
    status 1 h c "$SLUICE" status > "$T/out"
    has '^no gate runs in this network namespace$' "$T/out"
    status 1 apply "$T/policy.yaml" 2> "$T/out"
    has 'no gate runs in this network namespace' "$T/out"
}

policy "$T/policy.yaml" "${ALLOW[@]}"
gate_up output "$T/policy.yaml"
check "apply returns when the policy is in force" applies_its_own
check "what is no longer allowed is cut within 100 ms, nothing else" cuts_what_is_gone
check "so is what showed its name a moment ago" cuts_the_newest
check "twenty applies in a transfer: not one segment is sent again" loses_nothing
check "--dry-run --diff says what would change and be cut, and changes nothing" rehearses
check "a wrong policy: where and what, status 2, the old one holds" refuses_the_bad
check "six applies at once" several_at_once
check "from inside a scope only the status" from_inside
check "an ordinary user cannot" not_as_a_user
check "nonsense on the control socket" nonsense
check "clients that say nothing" the_silent
check "without a gate" no_gate
finish
