#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# Containers on a bridge of the user's own (`br-*`), as Docker makes them: outward through masquerading, to each other, by published
# ports, with bridge-nf-call-iptables on and off.
. "$(dirname "$0")/lib.sh"
bed
host_up k1 && host_up k2 || exit 1
h g ip link add br-test type bridge
for number in 1 2; do
    link g "p$number" "k$number" e0
    h g ip link set "p$number" master br-test up
    address "k$number" e0 "172.30.0.$((number + 1))/24" "fd00:30::$((number + 1))/64"
done
address g br-test 172.30.0.1/24 fd00:30::1/64
for host in k1 k2; do
    h $host ip route add default via 172.30.0.1
    h $host ip -6 route add default via fd00:30::1
    resolver $host 198.18.2.53 2001:db8:2::53
done
h g nft -f - <<'NFT'
table inet docker {
    chain post { type nat hook postrouting priority srcnat; iifname "br-test" oifname != "br-test" masquerade; }
    chain pre { type nat hook prerouting priority dstnat; fib daddr type local tcp dport 8080 dnat ip to 172.30.0.3:9000; }
}
NFT
start "$T/k2.4" k2 socat TCP4-LISTEN:9000,fork,reuseaddr EXEC:cat
start "$T/k2.6" k2 socat TCP6-LISTEN:9000,fork,reuseaddr,ipv6only EXEC:cat
start "$T/k2.u" k2 socat UDP4-LISTEN:9001,fork,reuseaddr EXEC:cat

client() { h k1 "$@"; }
# A server ends a TCP connection as soon as it has answered; over UDP nobody says that, and one datagram may be lost.
says() { [ "$(echo hello | h "$1" timeout 20 socat -t 15 - "$2")" = hello ]; }
says_udp() { [ "$(echo hello | h "$1" timeout 10 socat -t 2 - "$2")" = hello ]; }
each_other() {
    says k1 TCP4:172.30.0.3:9000
    says k1 "TCP6:[fd00:30::3]:9000"
    eventually 10 says_udp k1 UDP4:172.30.0.3:9001
    h k1 ip -6 neigh flush all && h k2 ip -6 neigh flush all
    says k1 "TCP6:[fd00:30::3]:9000"
}
outward() {
    fetch -4 https://allowed.test/hello | grep hello
    fetch -6 https://allowed.test/hello | grep hello
    [ "$(fetch -4 https://allowed.test/medium | sha256sum)" = "$(sha256sum < "$T/www/medium")" ]
}
attack() { h k1 curl -s --max-time 10 "http://198.18.3.66/$1"; }
held() {
    local n
    n=$(nonce)
    fails attack "$n"
    expect_not_arrived "$n"
    quick 1500 fails fetch https://mirror.test/hello
}
published() { says a TCP4:198.18.3.1:8080; }
hairpin() { says k1 TCP4:198.18.3.1:8080; }

gate_for() {
    cat > "$T/policy.yaml" <<YAML
version: 1
resolvers: [198.18.2.53, "2001:db8:2::53"]
profiles: { one: { allow: [allowed.test$1] } }
scopes: [{ name: containers, match: { interface: "br-*" }, profile: one${2:-} }]
unmatched: pass
YAML
    gate_up forward "$T/policy.yaml"
}
nf_call() { h g sh -c 'for f in /proc/sys/net/bridge/bridge-nf-call-ip*tables; do echo $1 > $f; done' sh "$1"; }

for port in '0.0.0.0:9000' '\[::\]:9000' '0.0.0.0:9001'; do eventually 5 h k2 sh -c 'ss -lntu | grep -q "$1"' sh "$port"; done
check "without the gate containers reach each other" each_other
check "without the gate a published port is reached" published
check "without the gate a container reaches the attacker" attack_reaches attack
for on in 0 1; do
    nf_call $on
    gate_for ''
    check "outward, bridge-nf-call $on" outward
    check "what is not allowed is held, bridge-nf-call $on" held
    if [ $on = 0 ]; then
        check "each other, past the gate" each_other
    else
        # The gate sees them, and an address is what it knows of them.
        check "each other is judged, bridge-nf-call $on" refused not_resolved 172.30.0.3 says k1 TCP4:172.30.0.3:9000
    fi
    check "hairpin refused, bridge-nf-call $on" fails hairpin
    check "published refused, bridge-nf-call $on" fails published
    gate_down
done
nf_call 1
gate_for ', 172.30.0.0/24, "[fd00:30::/64]", "udp://172.30.0.0/24:9001", 198.18.3.1:8080' ', incoming: pass'
check "each other by address, bridge-nf-call 1" each_other
check "published with incoming: pass" published
check "hairpin allowed" hairpin
gate_down
finish
