#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# Loopback's freedom inside a scope is no way out.  Anybody may bind an IPv6 socket to an address that is not the host's
# (IPV6_FREEBIND): then what a listener of the scope answers goes to where that address lives.  And a datagram to a group
# goes out by loopback or by the wire, as its sender likes, on one connection of conntrack's.
. "$(dirname "$0")/lib.sh"
bed

ANSWERED='
import socket, sys
kind, far, nonce = sys.argv[1:4]
here = "2001:db8:1::2"
def free(kind, proto=0):
    s = socket.socket(socket.AF_INET6, kind, proto)
    s.setsockopt(socket.IPPROTO_IPV6, 78, 1)
    s.bind((far, 9999 if kind == socket.SOCK_DGRAM and not proto else 0))
    s.settimeout(1)
    return s
if kind == "udp":
    mine = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    mine.bind((here, 7001))
    mine.settimeout(5)
    free(socket.SOCK_DGRAM).sendto(b"hello", (here, 7001))
    data, who = mine.recvfrom(100)
    for i in range(3):
        mine.sendto(nonce.encode(), who)
elif kind == "tcp":  # the SYN/ACK goes to the far end: its window and options are words, and a server there has a connection
    mine = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    mine.bind((here, 7002))
    mine.listen(5)
    out = free(socket.SOCK_STREAM)
    out.connect((here, 7002))
elif kind == "nobody":
    free(socket.SOCK_STREAM).connect((here, 7003))
else:
    free(socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6).sendto(b"\x80\0\0\0\0\1\0\1" + nonce.encode(), (here, 0))
'
GROUP='
import socket, struct, sys, time
group, nonce, first = sys.argv[1:4]
lo, wire = socket.if_nametoindex("lo"), socket.if_nametoindex("c0")
six = ":" in group
family = socket.AF_INET6 if six else socket.AF_INET
here = "2001:db8:1::2" if six else "198.18.1.2"
mine = socket.socket(family, socket.SOCK_DGRAM)
mine.bind(("::" if six else "0.0.0.0", 7443))
if six:
    mine.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(family, group) + struct.pack("@i", lo))
else:
    mine.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("@4s4si", socket.inet_aton(group), b"\0" * 4, lo))
mine.settimeout(1)
s = socket.socket(family, socket.SOCK_DGRAM)
s.bind((here, 7444))
def send(index, data):
    if six:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    else:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("@4s4si", b"\0" * 4, b"\0" * 4, index))
    try:
        s.sendto(data, (group, 7443))
    except OSError as e:
        print(e)
if first == "lo":
    send(lo, b"hello")
    try:
        print(mine.recv(100))
    except OSError as e:
        print(e)
for i in range(3):
    send(wire, b"\x40" + nonce.encode())
    send(wire, b"\xe0\0\0\0\1\0\0" + bytes([len(nonce)]) + nonce.encode()) # a Handshake packet
'
stranger() { client setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all "$PYTHON" -c "$@"; }
answered_udp() { stranger "$ANSWERED" udp 2001:db8:3::66 "$1"; }
answered_ping() { stranger "$ANSWERED" ping 2001:db8:3::66 "$1"; }
group4() { stranger "$GROUP" 224.0.0.77 "$1" lo; }
group6() { stranger "$GROUP" ff02::77 "$1" lo; }

more_arrived() { [ "$(arrived_count)" != "$1" ]; }
# Without a word in it, but a packet of the client's choosing: counted.
packets_reach() {
    local before
    before=$(arrived_count)
    "$1" x || true
    eventually 10 more_arrived "$before" || die "even without the gate nothing arrived: $1"
}
none_reach() {
    local before
    before=$(arrived_count)
    "$1" x || true
    sleep 0.2
    [ "$(arrived_count)" = "$before" ] || die "$(($(arrived_count) - before)) packets reached the attacker"
}
answered_syn() { stranger "$ANSWERED" tcp 2001:db8:3::66 x; }
answered_reset() { stranger "$ANSWERED" nobody 2001:db8:3::66 x; }

# Groups end at the next router.
capture g gc
group_reaches() {
    local n
    n=$(nonce)
    "$1" "$n"
    eventually 10 expect_link "$n"
}
expect_link() { grep -aq "$1" "$T/g.pcap"; }
group_withheld() {
    local n
    n=$(nonce)
    "$1" "$n" || true
    sleep 1
    expect_not_arrived "$n" g
}

LINK='
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(20)
s.connect((sys.argv[1], 7005, 0, socket.if_nametoindex("c0")))
s.send(b"from fe80")
s.recv(10)
'
# The address of the link alone is its sender's own: refused as any, with an answer.
link_local() { stranger "$LINK" "$(h g ip -6 -br addr show gc scope link | grep -o 'fe80[^/]*')"; }

HERE='
import socket
a, b = (socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) for _ in range(2))
a.bind(("2001:db8:1::2", 7006))
a.settimeout(20)
b.settimeout(20)
b.sendto(b"there", ("2001:db8:1::2", 7006))
a.sendto(b"back", a.recvfrom(10)[1])
print(b.recv(10))
'

FORM=output
for name in answered_udp answered_ping; do check "without the gate $name reaches the attacker" attack_reaches $name; done
for name in answered_syn answered_reset; do check "without the gate $name reaches the attacker" packets_reach $name; done
for name in group4 group6; do check "without the gate $name reaches the link" group_reaches $name; done
PROFILE_MORE="quic: judge" policy "$T/policy.yaml" allowed.test
gate_up output "$T/policy.yaml"
for name in answered_udp answered_ping answered_syn answered_reset; do
    check "nothing is answered to a source that is not here: $name" none_reach $name
done
for name in group4 group6; do check "a group's datagrams after those on loopback: $name" group_withheld $name; done
check "a source of the link alone is refused in words" refused 'not_resolved' fe80 link_local
gate_down

# A process of no scope, where the policy refuses what no scope claims.
FORM=output policy "$T/policy.yaml" allowed.test
sed -i 's/^unmatched: pass/unmatched: refuse/' "$T/policy.yaml"
gate_up output "$T/policy.yaml"
client() { h c "$@"; }
check "without a scope: loopback goes on" grep -q back <(stranger "$HERE")
for name in answered_udp answered_syn answered_reset; do check "without a scope: $name" none_reach $name; done
gate_down
finish
