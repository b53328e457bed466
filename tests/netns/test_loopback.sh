#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# Loopback: free inside one scope, judged toward any other listener, and never a way out (a published port's DNAT).
. "$(dirname "$0")/lib.sh"
bed

LISTEN='
import socket, sys, threading
family, kind, address, port, log = sys.argv[1:6]
s = socket.socket(getattr(socket, family), getattr(socket, kind))
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((address, int(port)))
def note(data):
    with open(log, "ab") as f: f.write(data)
if kind == "SOCK_DGRAM":
    open(log, "ab").close()
    while True:
        data, who = s.recvfrom(2000); note(data); s.sendto(b"from the listener " + data, who)
s.listen(5)
open(log, "ab").close()
def serve(c):
    data = c.recv(2000); note(data); c.sendall(b"from the listener " + data); c.close()
while True:
    threading.Thread(target=serve, args=(s.accept()[0],)).start()'

# listener inside|outside FAMILY KIND ADDRESS PORT LOG: in the scope's cgroup or not.
listener() {
    local where=$1
    shift
    if [ "$where" = inside ]; then
        start /dev/null c sh -c 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"' sh "$CGROUPS$CGROUP" "$PYTHON" -c "$LISTEN" "$@"
    else
        start /dev/null c "$PYTHON" -c "$LISTEN" "$@"
    fi
    eventually 15 [ -e "$5" ] || t_fail "listener $where $*"
}
: > "$T/nothing"
listener inside AF_INET SOCK_STREAM 127.0.0.1 6001 "$T/in4"
listener inside AF_INET6 SOCK_STREAM ::1 6001 "$T/in6"
listener inside AF_INET SOCK_DGRAM 127.0.0.1 6002 "$T/inu"
listener inside AF_INET SOCK_STREAM 0.0.0.0 6005 "$T/any"
listener outside AF_INET SOCK_STREAM 127.0.0.1 6011 "$T/out4"
listener outside AF_INET6 SOCK_STREAM ::1 6011 "$T/out6"
listener outside AF_INET SOCK_DGRAM 127.0.0.1 6012 "$T/outu"
listener outside AF_INET SOCK_STREAM 127.0.0.1 6013 "$T/named"
listener outside AF_INET SOCK_STREAM 0.0.0.0 6015 "$T/outany"
# A local proxy that is not in the scope and would carry everything out.
start /dev/null c socat TCP-LISTEN:6020,fork,reuseaddr,bind=127.0.0.1 TCP:198.18.3.66:80
# A published port, as container engines make it: 127.0.0.1:8080 is DNAT'd away from loopback.
h c sh -c 'echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet'
h c nft -f - <<'NFT'
table ip published {
    chain out { type nat hook output priority -100; ip daddr 127.0.0.1 tcp dport 8080 dnat to 198.18.3.66:80; ip daddr 127.0.0.1 udp dport 8080 dnat to 198.18.3.66:9999; }
    chain post { type nat hook postrouting priority srcnat; ip saddr 127.0.0.0/8 ip daddr 198.18.3.66 masquerade; }
}
NFT

inside_free() {
    near connect 127.0.0.1 6001 one | grep 'from the listener'
    near connect ::1 6001 two | grep 'from the listener'
    near datagram 127.0.0.1 6002 three | grep 'from the listener'
    near connect 198.18.1.2 6005 four | grep 'from the listener' # the host's own address goes over lo too
}
no_events_inside() {
    local from
    from=$(wc -l < "$T/events")
    inside_free
    sleep 1
    fails sh -c 'tail -n +$(($1 + 1)) "$2" | grep -E "\"verdict\" *: *\"deny\""' sh "$from" "$T/events"
}
# to LOG COMMAND...: what it sends must not come to the listener's log.
withheld() {
    local log=$1 n from
    shift
    from=$(wc -l < "$T/events")
    n=$(nonce)
    quick 1500 near "$@" "$n" || [ $? != 99 ]
    sleep 0.1
    fails grep -aq "$n" "$log"
    said "$from" 'not_resolved|udp_not_allowed|not_in_allowlist|port_not_allowed' "$2"
}
reaches() {
    local log=$1 n
    shift
    n=$(nonce)
    near "$@" "$n" > /dev/null || true
    eventually 10 grep -aq "$n" "$log"
}
named() { near connect 127.0.0.1 6013 x | grep 'from the listener'; }
proxy() { near connect 127.0.0.1 6020 "GET /$1 HTTP/1.0"; }
published() { near connect 127.0.0.1 8080 "GET /$1 HTTP/1.0"; }
published_datagram() { near datagram 127.0.0.1 8080 "$1"; }

FORM=output
check "without the gate the outer listener is reached" reaches "$T/out4" connect 127.0.0.1 6011
check "without the gate the outer listener is reached (v6)" reaches "$T/out6" connect ::1 6011
check "without the gate the outer listener is reached (UDP)" reaches "$T/outu" datagram 127.0.0.1 6012
for name in proxy published published_datagram; do check "without the gate $name reaches the attacker" attack_reaches $name; done
policy "$T/policy.yaml" allowed.test 127.0.0.1:6013
gate_up output "$T/policy.yaml"
check "loopback inside the scope is free" inside_free
check "and no refusal is reported for it" no_events_inside
check "a listener outside the scope is not reached" withheld "$T/out4" connect 127.0.0.1 6011
check "a listener outside the scope is not reached (v6)" withheld "$T/out6" connect ::1 6011
check "a listener outside the scope is not reached (UDP)" withheld "$T/outu" datagram 127.0.0.1 6012
check "a listener outside the scope is not reached (own address)" withheld "$T/outany" connect 198.18.1.2 6015
check "a listener outside the scope that the policy names" named
check "a local proxy carries nothing out" attack_refused 'not_resolved|not_in_allowlist|port_not_allowed' 127.0.0.1 proxy
check "a published port's DNAT carries nothing out" attack_refused loopback_left 198.18.3.66 published
check "a published port's DNAT carries nothing out (UDP)" attack_refused 'udp_not_allowed|not_resolved|loopback_left' 'destination' published_datagram
check "loopback inside the scope still is free" inside_free
gate_down
finish
