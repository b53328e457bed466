#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# Packets: what may connect, what is refused and how fast, what other tables and flushes do to the gate.
. "$(dirname "$0")/lib.sh"
bed
capture s s0

resolve() { client getent ahosts "$1" > /dev/null; }
transfers() {
    resolve tcp.test
    near upload 198.18.2.81 9000 4000000 8000000 | grep equal
    near download 198.18.2.81 9001 4000000 8000000 | grep equal
    near upload 2001:db8:2::81 9000 2000000 8000000 | grep equal
}
peer_first() {
    resolve mirror.test
    near first 198.18.2.81 2525 | grep 'speaks first.*250 hello'
    near first 2001:db8:2::81 2525 | grep 'speaks first.*250 hello'
}
wrong_port() { resolve tcp.test && refused port_not_allowed 198.18.2.81 near connect 198.18.2.81 9002; }
reset_at_once() {
    # A reset, not a time-out, and its errno says so.
    quick 1000 fails near connect 198.18.3.66 80 > "$T/out"
    grep -E 'ECONNREFUSED|ECONNRESET' "$T/out"
    quick 1000 fails near connect 2001:db8:3::66 80 > "$T/out"
    grep -E 'ECONNREFUSED|ECONNRESET' "$T/out"
}
datagram_allowed() {
    resolve mirror.test
    near datagram 198.18.2.81 9123 hello | grep hello
    near datagram 2001:db8:2::81 9123 hello | grep hello
}
quic() {
    resolve allowed.test
    quick 1000 fails near quic 198.18.2.80 > "$T/out"
    grep -E 'E(CONNREFUSED|HOSTUNREACH|ACCES|NETUNREACH|PERM)' "$T/out"
    near quic 2001:db8:2::80 > "$T/out" || true
    grep -E 'E(CONNREFUSED|HOSTUNREACH|ACCES|NETUNREACH|PERM)' "$T/out"
}
quic_says() { resolve allowed.test && refused quic 198.18.2.80 near quic 198.18.2.80; }
many_datagrams() {
    # The kernel's own ICMP errors are rate-limited: thirty refusals must not become time-outs.
    local i
    for i in {1..30}; do near datagram 198.18.3.66 $((7000 + i)) x > "$T/out" 2>&1 || true; grep -qv TIMEOUT "$T/out" || die "refusal $i timed out"; done
}

direct() { near connect 198.18.3.66 80 "GET /$1 HTTP/1.0"; }
direct_6() { near connect 2001:db8:3::66 80 "GET /$1 HTTP/1.0"; }
datagram() { near datagram 198.18.3.66 9999 "$1"; }
datagram_6() { near unconnected 2001:db8:3::66 9999 "$1"; }
quic_out() { near datagram 198.18.3.66 443 "$1" 1200; }
echo_request() { client ping -c 1 -W 1 -p "$(printf %s "$1" | head -c 16 | od -An -tx1 | tr -d ' \n')" 198.18.3.66; }
echo_request_6() { client ping -6 -c 1 -W 1 -p "$(printf %s "$1" | head -c 16 | od -An -tx1 | tr -d ' \n')" 2001:db8:3::66; }
metadata() { near connect 169.254.169.254 80 "GET /latest/$1 HTTP/1.0"; }
metadata_6() { near connect fd00:ec2::254 80 "GET /latest/$1 HTTP/1.0"; }
ATTACKS=(direct direct_6 datagram datagram_6 quic_out echo_request echo_request_6 metadata metadata_6)
declare -A REASON=([direct]=not_resolved [direct_6]=not_resolved [datagram]='udp_not_allowed|not_resolved' [datagram_6]='udp_not_allowed|not_resolved'
    [quic_out]='quic|udp_not_allowed|not_resolved' [echo_request]=protocol [echo_request_6]=protocol [metadata]=metadata_address [metadata_6]='metadata_address|not_resolved')
declare -A WHERE=([metadata]=169.254.169.254 [metadata_6]=fd00:ec2::254 [direct_6]=2001:db8:3::66 [datagram_6]=2001:db8:3::66 [echo_request_6]=2001:db8:3::66)
echo_fails_fast() { quick 1500 fails client ping -c 1 -W 3 198.18.3.66; }

# A connection that is older than the gate: the client sends once the file appears.  Without the gate it arrives.
cat > "$T/late.py" <<'PY'
import os, socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 60)
open(sys.argv[3] + ".up", "w").close()
while not os.path.exists(sys.argv[3]):
    time.sleep(0.02)
try:
    for _ in range(20):
        s.send(sys.argv[4].encode() + b"\r\n")
        time.sleep(0.05)
    print("sent")
except OSError as error:
    print("cut", error)
PY
late_begin() { # FILE ADDRESS PORT NONCE
    rm -f "$1" "$1.up"
    setsid "$BASH" -c "$(declare -f h client); $(declare -p HOST FORM CGROUPS CGROUP) ; client $PYTHON $T/late.py $2 $3 $1 $4" > "$1.out" 2>&1 &
    LATE=$!
    eventually 15 [ -e "$1.up" ]
}
late_end() { : > "$1" && wait $LATE; cat "$1.out"; }

after_flush() {
    # An allowed connection whose conntrack entry is flushed does not go on unjudged: it ends soon, and a new one works.
    resolve mirror.test
    local n
    n=$(nonce)
    late_begin "$T/late" 198.18.2.81 2525 "$n"
    h "$GATE_HOST" conntrack -F > /dev/null 2>&1
    late_end "$T/late"
    expect_not_arrived "$n" s
    quick 2000 peer_first
}
flush_direct() {
    h "$GATE_HOST" conntrack -F > /dev/null 2>&1
    local name
    for name in direct datagram; do attack_refused "${REASON[$name]}" 198.18.3.66 $name || return 1; done
}
notrack() {
    h "$GATE_HOST" nft -f - <<'NFT'
table inet untracked {
    chain out { type filter hook output priority raw; ip daddr 198.18.3.66 notrack; ip6 daddr 2001:db8:3::66 notrack; }
    chain pre { type filter hook prerouting priority raw; ip daddr 198.18.3.66 notrack; ip6 daddr 2001:db8:3::66 notrack; }
}
NFT
    local n bad=
    for name in direct direct_6 datagram; do
        n=$(nonce)
        $name "$n" || true
        expect_not_arrived "$n" || bad="$bad $name"
    done
    h "$GATE_HOST" nft delete table inet untracked
    [ -z "$bad" ]
}
# The client's own listener, from outside: refused, and what it would say does not leave.
incoming_body() {
    local n=$1 pid
    setsid "$BASH" -c "$(declare -f h client); $(declare -p HOST FORM CGROUPS CGROUP); client timeout 60 $PYTHON -c '
import socket
s = socket.create_server((\"\", 7777)); c = s.accept()[0]; c.send(b\"$n\\n\"); c.recv(100)'" &
    pid=$!
    eventually 15 h c bash -c 'ss -ltn | grep -q 7777'
    h a timeout 20 "$PYTHON" "$ROOT/tests/netns/near.py" connect 198.18.1.2 7777 hello || true
    kill -- -$pid 2> /dev/null || true # with its children: the port is free again
    wait $pid || true
}
incoming_open() { local n && n=$(nonce) && incoming_body "$n" && expect_arrived "$n"; }
incoming_refused() {
    local n from
    from=$(wc -l < "$T/events")
    n=$(nonce)
    incoming_body "$n"
    expect_not_arrived "$n"
    said "$from" 'incoming|older_than_scope' 198.18
}
flush_rules() {
    h "$GATE_HOST" nft flush ruleset || true
    h "$GATE_HOST" nft delete table inet sluice && die "the table could be deleted"
    attack_refused not_resolved 198.18.3.66 direct
    peer_first
    h "$GATE_HOST" nft list tables | grep -q sluice
}
marks() {
    # Other programs' bits of both marks come through as they were; none of ours is left on the wire side.
    local hook=output
    [ "$FORM" = output ] || hook=prerouting
    h "$GATE_HOST" nft -f - <<NFT
table inet other {
    counter seen { }
    counter lost_meta { }
    counter lost_ct { }
    counter left { }
    chain in { type filter hook $hook priority -180; ip daddr 198.18.2.0/24 meta mark set 0x5a000000; ip daddr 198.18.2.0/24 ct mark set ct mark or 0x40000000; }
    chain out { type filter hook postrouting priority 300;
        ip daddr 198.18.2.81 counter name seen
        ip daddr 198.18.2.81 meta mark & 0xffffc000 != 0x5a000000 counter name lost_meta
        ip daddr 198.18.2.81 meta mark & 0x00003fff != 0 counter name left
        ip daddr 198.18.2.81 ct mark & 0xffffc000 != 0x40000000 counter name lost_ct
    }
}
NFT
    peer_first
    resolve tcp.test
    near upload 198.18.2.81 9000 100000 8000000
    h "$GATE_HOST" nft list counters table inet other > "$T/counters"
    h "$GATE_HOST" nft delete table inet other
    awk '/counter/ {name = $2} /packets [0-9]/ {count[name] = $2}
        END {print count["seen"], count["lost_meta"], count["lost_ct"], count["left"]
             exit !(count["seen"] > 5 && count["lost_meta"] + count["lost_ct"] + count["left"] == 0)}' "$T/counters"
}
nothing_left() {
    fails h "$1" nft list table inet sluice
    fails h "$1" sh -c 'nft list tables | grep sluice'
    eventually 3 no_process "$1"
}
no_process() { ! pgrep --ns "${HOST[$1]}" --nslist net '^sluice' > /dev/null; }

for name in "${ATTACKS[@]}"; do check "without the gate $name reaches the attacker" attack_reaches "$name"; done
check "without the gate a connection from outside comes in" incoming_open

for form in output forward; do
    FORM=$form
    policy "$T/policy.yaml" "${ALLOW[@]}"
    older=$(nonce)
    late_begin "$T/older" 198.18.3.66 2525 "$older"
    gate_up $form "$T/policy.yaml"
    older_is_cut() { late_end "$T/older" && expect_not_arrived "$older"; }
    check "a connection older than the gate is cut" older_is_cut
    check "tcp:// transfers both ways, v4 and v6" transfers
    check "the server may speak first" peer_first
    check "another port of an allowed name is refused" wrong_port
    check "refusals are resets, at once" reset_at_once
    check "udp:// datagrams go and come" datagram_allowed
    check "QUIC gets an error at once" quic
    check "QUIC is reported as QUIC" quic_says
    check "thirty refused datagrams, thirty answers" many_datagrams
    check "a refused echo request fails fast" echo_fails_fast
    for name in "${ATTACKS[@]}"; do
        check "$name does not reach the attacker" attack_refused "${REASON[$name]}" "${WHERE[$name]:-198.18.3.66}" "$name"
    done
    check "conntrack -F in mid-flow opens nothing" after_flush
    check "after conntrack -F refusals are as before" flush_direct
    check "NOTRACK in another table opens nothing" notrack
    check "connections into the scope are refused" incoming_refused
    check "nft flush ruleset and delete table open nothing" flush_rules
    check "other bits of the marks stay as they were" marks
    at=$GATE_HOST
    gate_down
    FORM=$form
    check "sluice down leaves nothing" nothing_left $at
    FORM=''
done
check "after it the network is as before" attack_reaches direct
finish
