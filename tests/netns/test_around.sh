#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# What goes around TCP and UDP: errors that a client writes, sources that it does not have, packets of no connection; and what must
# go on beside the gate: path MTU and neighbours, in both forms.
. "$(dirname "$0")/lib.sh"
bed
capture s s0

# A host behind the gate that writes its own frames: python's `frame(ip packet)` sends one to the gateway.
RAW='
import os, socket, struct, sys, time
def checksum(b):
    b += b"\0" * (len(b) & 1); s = sum(struct.unpack(">%dH" % (len(b) // 2), b))
    while s >> 16: s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff
def ip4(source, to, protocol, body):
    h = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 7, 0, 64, protocol, 0) + socket.inet_aton(source) + socket.inet_aton(to)
    return h[:10] + struct.pack(">H", checksum(h)) + h[12:] + body
def ip6(source, to, protocol, body):
    return struct.pack(">IHBB", 6 << 28, len(body), protocol, 64) + socket.inet_pton(10, source) + socket.inet_pton(10, to) + body
def pseudo(source, to, protocol, n): return socket.inet_pton(10, source) + socket.inet_pton(10, to) + struct.pack(">IxxxB", n, protocol)
def icmp4(kind, code, rest, quote):
    b = struct.pack(">BBHI", kind, code, 0, rest) + quote
    return b[:2] + struct.pack(">H", checksum(b)) + b[4:]
def icmp6(source, to, kind, code, rest, quote):
    b = struct.pack(">BBHI", kind, code, 0, rest) + quote
    return b[:2] + struct.pack(">H", checksum(pseudo(source, to, 58, len(b)) + b)) + b[4:]
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); raw.bind(("c0", 0))
def frame(ip): raw.send(bytes.fromhex(MAC_GATE) + bytes.fromhex(MAC_ME) + (b"\x08\0" if ip[0] >> 4 == 4 else b"\x86\xdd") + ip)
MAC_ME, MAC_GATE = (a.replace(":", "") for a in sys.argv[1:3])
'
mac() { h "$1" ip -br link show "$2" | awk "{print \$3}"; }
raw() {
    local code=$1
    shift
    client "$PYTHON" -c "$RAW$code" "$(mac c c0)" "$(mac g gc)" "$@"
}

# Errors about a connection to the allowed server before it has shown anything, written by the client itself.
ERRORS='
word = sys.argv[3].encode()
for family, me, to in ((socket.AF_INET, "198.18.1.2", "198.18.2.80"), (socket.AF_INET6, "2001:db8:1::2", "2001:db8:2::80")):
    s = socket.socket(family); s.settimeout(15); s.connect((to, 443)); port = s.getsockname()[1]
    inner = struct.pack(">HHIIHHHH", 443, port, 1, 1, 0x5010, 100, 0, 0) + word
    for _ in range(3):
        if family == socket.AF_INET:
            for kind, code in ((3, 4), (3, 3), (11, 0), (12, 0)):
                frame(ip4(me, to, 1, icmp4(kind, code, 1400 if code == 4 else 0, ip4(to, me, 6, inner))))
                frame(ip4("198.18.1.77", to, 1, icmp4(kind, code, 1400 if code == 4 else 0, ip4(to, me, 6, inner))))
        else:
            for kind in (1, 2, 3, 4):
                frame(ip6(me, to, 58, icmp6(me, to, kind, 0, 1400 if kind == 2 else 0, ip6(to, me, 6, inner))))
time.sleep(0.3)'
errors() {
    client getent ahosts allowed.test > /dev/null
    raw "$ERRORS" "$1"
}
errors_reach() {
    local n
    n=$(nonce)
    errors "$n"
    expect_arrived "$n" s
}
errors_withheld() {
    local n
    n=$(nonce)
    errors "$n"
    expect_not_arrived "$n" s
}
# A router behind the gate with a smaller MTU says so to the server of a connection that may go on.
TOO_BIG='
import ssl
ctx = ssl.create_default_context(); ctx.check_hostname = False; ctx.verify_mode = ssl.CERT_NONE
socket.getaddrinfo("allowed.test", 443)
s = socket.create_connection(("198.18.2.80", 443)); port = s.getsockname()[1]; t = ctx.wrap_socket(s, server_hostname="allowed.test")
t.sendall(b"GET /hello HTTP/1.1\r\nHost: allowed.test\r\n\r\n"); t.recv(1000)
for _ in range(3): frame(ip4("198.18.1.2", "198.18.2.80", 1, icmp4(3, 4, 1400, ip4("198.18.2.80", "198.18.1.2", 6, struct.pack(">HHI", 443, port, 1)))))
time.sleep(0.2)'
too_big_seen() { settle s && [ "$(tcpdump -n -r "$T/s.pcap" 'icmp[0] == 3 and icmp[1] == 4' 2> /dev/null | wc -l)" -gt "$1" ]; }
too_big() {
    local before
    before=$(tcpdump -n -r "$T/s.pcap" 'icmp[0] == 3 and icmp[1] == 4' 2> /dev/null | wc -l)
    raw "$TOO_BIG"
    eventually 10 too_big_seen "$before"
}

# A source that is somebody else's.
FORGED='
word = sys.argv[3].encode()
for _ in range(40): frame(ip4("198.18.3.66", "198.18.2.80", 17, struct.pack(">HHHH", 4000, 9, 8 + len(word), 0) + word)); time.sleep(0.02)'
forged() { raw "$FORGED" "$1"; }
forged_reaches() {
    local n
    n=$(nonce)
    forged "$n"
    expect_arrived "$n" s
}
# The kernel drops them, and counts: an event a second says how many, of which scope, and why.
counted() { jq -s "[.[] | select(.event.reason == \"$1\" and (.sluice.scope // \"\") == \"$2\")] | map(.sluice.count // 1) | add // 0" "$T/events"; }
counted_is() { [ "$(counted "$1" "$2")" = "$3" ] && [ "$(h "$GATE_HOST" "$SLUICE" status --json | jq ".counts.$1")" = "$3" ]; }
forged_dropped() {
    local n
    n=$(nonce)
    forged "$n"
    expect_not_arrived "$n" s
    expect_not_arrived "$n" a # nor is it quoted
    eventually 10 counted_is forged_source "${1:-test}" 40 || die "$(counted forged_source "${1:-test}") of 40 told"
}

# Neighbour discovery that asks to be routed, words in its options.
NEIGHBOUR='
word = sys.argv[3].encode()
me, to = "2001:db8:1::2", "2001:db8:2::80"
body = icmp6(me, to, 135, 0, 0, socket.inet_pton(10, to) + bytes([14, 3]) + word.ljust(22, b"\0"))
for _ in range(5): p = ip6(me, to, 58, body); frame(p[:7] + b"\xff" + p[8:])'
neighbour_dropped() {
    local n before
    n=$(nonce)
    # Extension headers before it were of this kind too, and may be untold yet.
    before=$(h g nft list counter inet sluice neighbour_0 | sed -n 's/.*packets \([0-9]*\) .*/\1/p')
    raw "$NEIGHBOUR" "$n"
    expect_not_arrived "$n" s
    eventually 10 counted_is neighbour_routed "" $((before + 5)) || die "$(counted neighbour_routed "") of $((before + 5)) told"
}

# The far side sends what is no part of a connection to a member.
STRANGE='
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 6)
word = sys.argv[1].encode()
for flags in (0x10, 0x19): s.sendto(struct.pack(">HHIIBBHHH", 80, 40000, 1, 1, 0x50, flags, 100, 0, 0) + word, ("198.18.1.2", 0))'
strange() { h a "$PYTHON" -c "$STRANGE" "$1"; }
# What the client's interface sees meanwhile; and a datagram of the gateway's, so that the capture is known to see.
strange_capture() {
    start "$T/strange" c tcpdump -l --immediate-mode -n -i c0 -A 'src 198.18.3.66 or udp dst port 9'
    local capturing=$!
    eventually 10 grep -q 'listening on' "$T/strange"
    strange "$1"
    sleep 0.2
    eventually 10 strange_sees
    kill $capturing
}
strange_sees() { h g bash -c 'printf seen > /dev/udp/198.18.1.2/9' && grep -q '198\.18\.1\.2\.9: UDP' "$T/strange"; }
strange_arrives() {
    local n
    n=$(nonce)
    strange_capture "$n"
    eventually 5 grep -q "$n" "$T/strange"
}
strange_withheld() {
    local n
    n=$(nonce)
    strange_capture "$n"
    fails grep -q "$n" "$T/strange"
}
# To a socket of the scope: two packets whose checksum is wrong.
strange_told() {
    client "$PYTHON" -c 'import socket, sys, time; s = socket.socket(); s.bind(("", 40000)); s.listen(); print("listens", flush=True); time.sleep(120)' > "$T/listener" &
    eventually 10 grep -q listens "$T/listener"
    strange "$(nonce)"
    eventually 10 counted_is unproven test 2 || die "$(counted unproven test) of 2 told"
}

# A hop with a smaller MTU, both ways and families, while the neighbours are forgotten again and again.
big_both() {
    local family i
    h g ip link set gs mtu 1300 && h s ip link set s0 mtu 1300
    head -c 900000 "$T/www/large" > "$T/body"
    for family in -4 -6; do
        fetch $family --http1.1 --limit-rate 500k --data-binary "@$T/body" https://allowed.test/hello > "$T/up$family" &
        local one=$!
        fetch $family --limit-rate 2m https://allowed.test/large --range 0-2999999 | sha256sum > "$T/down$family" &
        local two=$!
        for i in 1 2 3 4 5 6; do
            for host in c g s; do h $host ip neigh flush all; done
            sleep 0.2
        done
        wait $one && wait $two
        grep hello "$T/up$family"
        [ "$(cat "$T/down$family")" = "$(head -c 3000000 "$T/www/large" | sha256sum)" ]
    done
    h g ip link set gs mtu 1500 && h s ip link set s0 mtu 1500
    for host in c s; do h $host ip route flush cache; h $host ip -6 route flush cache; done
}

# IPv6 extension headers and fragments, of UDP that the policy would allow.
EXTENSIONS='
word = sys.argv[3].encode()
me, to = "2001:db8:1::2", sys.argv[4]
def udp(): 
    b = struct.pack(">HHHH", 4000, 9999, 8 + len(word), 0) + word
    return b[:6] + struct.pack(">H", checksum(pseudo(me, to, 17, len(b)) + b)) + b[8:]
for kind in (0, 60, 43, 135, 139, 140): frame(ip6(me, to, kind, bytes([17, 0, 1, 4, 0, 0, 0, 0]) + udp()))
u = udp()
frame(ip6(me, to, 44, struct.pack(">BBHI", 17, 0, 0, 77) + u))
frame(ip6(me, to, 44, struct.pack(">BBHI", 17, 0, 1, 78) + u[:8])); frame(ip6(me, to, 44, struct.pack(">BBHI", 17, 0, 8, 78) + u[8:]))
frame(ip6(me, to, 44, struct.pack(">BBHI", 60, 0, 0, 79) + bytes([17, 0, 1, 4, 0, 0, 0, 0]) + u))
for kind in (133, 135, 136):
    b = struct.pack(">BBHI", kind, 0, 0, 0) + bytes(16) + word
    b = b[:2] + struct.pack(">H", checksum(pseudo(me, to, 58, len(b)) + b)) + b[4:]
    frame(ip6(me, to, 58, b)[:7] + b"\xff" + ip6(me, to, 58, b)[8:])
for protocol in (47, 41, 4, 50, 51, 108, 132, 33, 136, 103, 2, 89, 253): frame(ip6(me, to, protocol, word * 3)); frame(ip4("198.18.1.2", "198.18.3.66", protocol, word * 3))
h = ip4("198.18.1.2", "198.18.3.66", 17, struct.pack(">HHHH", 4000, 9999, 8 + len(word), 0) + word)
def options(o):
    b = bytes([0x40 + 5 + len(o) // 4]) + h[1:2] + struct.pack(">H", len(h) + len(o)) + h[4:10] + b"\0\0" + h[12:20] + o
    return b[:10] + struct.pack(">H", checksum(b)) + b[12:] + h[20:]
for o in (b"\x94\x04\0\0", b"\x44\x08\x05\0" + word[:4], b"\x88\x04" + word[:2], b"\x07\x07\x04\0\0\0\0\0", b"\x83\x07\x04\xc6\x12\x03\x42\0"): frame(options(o))
time.sleep(0.3)'
extensions() { raw "$EXTENSIONS" "$1" 2001:db8:3::66; }

FORM=forward
check "without the gate a client's errors reach the server" errors_reach
check "without the gate a forged source reaches the server" forged_reaches
check "without the gate packets of no connection reach the client" strange_arrives
check "without the gate extension headers reach the attacker" attack_reaches extensions
for match in '{ interface: gc }' '{ source: [198.18.1.0/24, "2001:db8:1::/64"] }'; do
    FORM=forward policy "$T/policy.yaml" "${ALLOW[@]}"
    sed -i "s|match: .*|match: $match|" "$T/policy.yaml"
    gate_up forward "$T/policy.yaml"
    check "a client's errors about an undecided connection go nowhere $match" errors_withheld
    check "a smaller MTU behind the gate is told to the server $match" too_big
    check "packets of no connection do not come in $match" strange_withheld
    check "extension headers, options, other protocols go nowhere $match" attack_refused 'ip_form|protocol|not_resolved|udp_not_allowed' 3:: extensions
    case $match in *interface*) check "a forged source gets no answer, and is told $match" forged_dropped ;; esac
    check "neighbour discovery is not routed, and is told $match" neighbour_dropped
    check "path MTU and neighbours go on $match" big_both
    gate_down
done
# What no scope claims: a refusal of it would be sent to whom the lie names, with the words.
FORM=forward policy "$T/policy.yaml" "${ALLOW[@]}"
sed -i 's|match: .*|match: { source: 198.18.1.7/32 }|; s|unmatched: pass|unmatched: refuse|' "$T/policy.yaml"
gate_up forward "$T/policy.yaml"
check "a forged source that no scope claims gets no answer, and is told" forged_dropped unmatched
gate_down
FORM=forward policy "$T/policy.yaml" "${ALLOW[@]}"
sed -i 's|match: .*|match: { source: [0.0.0.0/0, "::/0"] }|' "$T/policy.yaml"
gate_up forward "$T/policy.yaml"
check "a forged source within a wide range gets no answer, and is told" forged_dropped
check "while an allowed fetch succeeds" fetch -4 https://allowed.test/hello
check "while an allowed fetch succeeds (v6)" fetch -6 https://allowed.test/hello
gate_down
FORM=output policy "$T/policy.yaml" "${ALLOW[@]}"
gate_up output "$T/policy.yaml"
check "packets of no connection to a socket of the scope are told" strange_told
check "path MTU and neighbours go on" big_both
gate_down
finish
