#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# A connection that is refused after its SYN went on ends at both sides: the client's socket at once, the server's within a second,
# conntrack's entry with them; and the reset that the server gets holds nothing that the client chose after its SYN.
. "$(dirname "$0")/lib.sh"
bed
capture s s0
export CA

# established HOST: the web server's connections with the client.
established() { h s ss -Htn state established "( sport = :443 or sport = :80 ) and ( dst 198.18.1.0/24 or dst 2001:db8:1::/64 )"; }
none_at_server() { [ -z "$(established)" ]; }
# A last packet of the server that comes after the entry went makes another, which begins at the server.
tracked() { h "$GATE_HOST" conntrack -L -p tcp 2> /dev/null | grep -v 'ESTABLISHED src=[^ ]* dst=[^ ]* sport=\(443\|80\) ' | grep -E 'dport=(443|80) ' | grep -c ESTABLISHED; }
none_tracked() { [ "$(tracked)" = 0 ]; }
resolve() { client getent ahosts "$1" > /dev/null; }
ended() {
    eventually 1 none_at_server || { echo "the server still has:" && established && return 1; }
    eventually 1 none_tracked || { h "$GATE_HOST" conntrack -L -p tcp 2> /dev/null && return 1; }
}
s_client() { client timeout 20 openssl s_client -brief "$@" < /dev/null; }
refused_hello() {
    resolve allowed.test
    refused not_in_allowlist "$1.other.test" s_client -connect "$2:443" -servername "$1.other.test"
    ended
}
hello_4() { refused_hello "$(nonce)" 198.18.2.80; }
hello_6() { refused_hello "$(nonce)" '[2001:db8:2::80]'; }
# Two segments that leave their host as one packet.
hello_large() {
    resolve allowed.test
    refused not_in_allowlist large.other.test near tls 198.18.2.80 large.other.test 0 0 3000
    ended
}
not_tls() {
    resolve allowed.test
    refused tls_expected 198.18.2.80 near connect 198.18.2.80 443 "SSH-2.0-nothing"
    ended
}
second_request() {
    local from
    resolve allowed.test
    from=$(wc -l < "$T/events")
    near http 198.18.2.80 allowed.test/hello evil.test/hello > "$T/out" 2>&1 || true
    grep -q 200 "$T/out" || { cat "$T/out" && return 1; }
    said "$from" not_in_allowlist evil.test
    ended
}
both_requests() {
    local from
    resolve allowed.test
    from=$(wc -l < "$T/events")
    near http 198.18.2.80 allowed.test/hello +evil.test/hello > "$T/out" 2>&1 || true
    said "$from" not_in_allowlist evil.test
    ended
}
# What the server saw: resets without acknowledgment, window, options or payload.
resets_are_bare() {
    local bad all
    settle s
    all=$(tcpdump -nr "$T/s.pcap" 'src net 198.18.1.0/24 and tcp[tcpflags] & tcp-rst != 0' 2> /dev/null | wc -l)
    [ "$all" -ge 3 ] || die "only $all resets were captured" || return 1
    bad=$(tcpdump -nvr "$T/s.pcap" 'src net 198.18.1.0/24 and tcp[tcpflags] & tcp-rst != 0 and (tcp[tcpflags] != tcp-rst or tcp[8:4] != 0 or tcp[14:2] != 0 or ip[2:2] != 40)' 2> /dev/null)
    [ -z "$bad" ] || die "$bad"
}
# A question whose socket is closed before the refusal comes: the kernel's ICMP error about that would quote it to the resolver.
closed_socket() {
    local n
    n=$(nonce)
    client "$PYTHON" - "$n" 198.18.2.53 2001:db8:2::53 <<'PY'
import socket, sys, time
name = b"".join(bytes([len(part)]) + part for part in f"{sys.argv[1]}.evil.test".encode().split(b"."))
for i in range(10):
    for resolver in sys.argv[2:]:
        sock = socket.socket(socket.AF_INET6 if ":" in resolver else socket.AF_INET, socket.SOCK_DGRAM)
        sock.sendto(b"\0\7\1\0\0\1\0\0\0\0\0\0" + name + b"\0\0\1\0\1", (resolver, 53))
        sock.close()
    time.sleep(0.05)
PY
    eventually 10 grep -q "$n" "$T/events"
    expect_not_arrived "$n" s
}
dnat() {
    local host=$1 hook=prerouting
    [ "$host" = g ] || hook=output
    h "$host" nft -f - <<NFT
table ip published {
    chain $hook { type nat hook $hook priority -100; ip daddr 198.18.2.81 tcp dport 443 dnat to 198.18.2.80; }
    chain post { type nat hook postrouting priority 100; tcp dport 443 masquerade; }
}
NFT
}
behind_dnat() {
    resolve mirror.test
    refused 'not_in_allowlist|name_not_bound' nat.other.test s_client -connect 198.18.2.81:443 -servername nat.other.test
    settle s
    [ -z "$(tcpdump -nr "$T/s.pcap" 'dst host 198.18.2.81 and tcp port 443' 2> /dev/null)" ] || die "nothing was translated" || return 1
    eventually 1 none_behind_nat || { h s ss -Htn && return 1; }
    eventually 1 none_tracked
}
none_behind_nat() { [ -z "$(h s ss -Htn state established 'sport = :443')" ]; }

for form in output forward; do
    FORM=$form
    policy "$T/policy.yaml" "${ALLOW[@]}" mirror.test
    gate_up $form "$T/policy.yaml"
    capture s s0
    check "a refused hello ends at the server too (v4)" hello_4
    check "a refused hello ends at the server too (v6)" hello_6
    check "a refused hello of two segments" hello_large
    check "a refused protocol" not_tls
    check "a refused second request" second_request
    check "a refused request behind an allowed one in the same packet" both_requests
    check "the resets hold nothing of the client's" resets_are_bare
    check "a question whose socket is closed is not quoted to the resolver" closed_socket
    host=c
    [ $form = output ] || host=g
    dnat $host
    check "through DNAT and masquerade" behind_dnat
    h $host nft delete table ip published
    check "allowed fetches go on" eventually 10 fetch -o /dev/null https://allowed.test/hello
    gate_down
done
finish
