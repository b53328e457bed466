#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# Loopback ports that a listener inside the scope shares with one outside, or leaves to it: each datagram finds its own listener.
. "$(dirname "$0")/lib.sh"
bed

# Sends what it is told to from one socket, answers with what came; a line each.
ASK='
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(20)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
if s.family == socket.AF_INET: s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
for line in sys.stdin:
    try: s.sendto(line.strip().encode(), (sys.argv[1], int(sys.argv[2]))); print(s.recv(2000).decode(), flush=True)
    except OSError as e: print("refused", e.errno, flush=True)'
# Notes what comes to LOG; a group is joined on lo.
LISTEN='
import os, socket, sys
address, port, log, group = (sys.argv[1:] + [""])[:4]
s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.bind((address, int(port)))
if group: s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton("127.0.0.1"))
open(log, "ab").close()
while True:
    data, who = s.recvfrom(2000)
    with open(log, "ab") as f: f.write(data + b"\n")
    s.sendto(b"back " + data, who)'
# listen inside|outside LOG ADDRESS PORT [GROUP]: *LISTENER is its pid.
listen() { listen_to "$@" 7>&-; } # the asker waits for the end of its input
listen_to() {
    local where=$1 log=$2
    rm -f "$log"
    if [ "$where" = inside ]; then
        start /dev/null c sh -c 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"' sh "$CGROUPS$CGROUP" "$PYTHON" -c "$LISTEN" "$3" "$4" "$log" "${5:-}"
    else
        start /dev/null c "$PYTHON" -c "$LISTEN" "$3" "$4" "$log" "${5:-}"
    fi
    LISTENER=$!
    eventually 5 [ -e "$log" ] || die "no listener $*"
}
ask_up() {
    rm -f "$T/ask" && mkfifo "$T/ask" && : > "$T/answers" # here: the asker opens its files when it gets to it
    client "$PYTHON" -c "$ASK" "$@" < "$T/ask" >> "$T/answers" &
    ASKER=$!
    exec 7> "$T/ask"
}
ask() {
    local lines
    lines=$(wc -l < "$T/answers")
    echo "$1" >&7
    eventually 20 more_than "$lines" || die "no answer to $1"
}
more_than() { [ "$(wc -l < "$T/answers")" -gt "$1" ]; }
ask_down() { exec 7>&- && wait "$ASKER"; }

# tell NONCE: where it came to.  Without a gate the one outside gets it, perhaps later than the other.
tell() {
    gate_on || eventually 10 grep -q "$1" "$T/outside" || :
    if grep -q "$1" "$T/outside"; then echo reached; else echo withheld; fi > "$T/result"
}
# The listener inside is gone; one outside has the port; the client goes on from the same socket.
taken_over() {
    local one two
    one=$(nonce) two=$(nonce)
    listen inside "$T/inside" "$1" 6030
    ask_up "$1" 6030
    ask "$one"
    grep -q "back $one" "$T/answers"
    kill -KILL "$LISTENER"
    eventually 5 dead "$LISTENER"
    listen outside "$T/outside" "$1" 6030
    ask "$two"
    ask_down
    tell "$two"
    kill -KILL "$LISTENER"
}
# Both have the port, and the address means both.
both() {
    local n
    n=$(nonce)
    listen inside "$T/inside" 0.0.0.0 6031 "${2:-}"
    local inner=$LISTENER
    listen outside "$T/outside" 0.0.0.0 6031 "${2:-}"
    ask_up "$1" 6031
    ask "$n"
    ask_down
    tell "$n"
    kill -KILL "$LISTENER" "$inner"
}
# A resolver of the scope's own, on loopback, is loopback like any other.
own_resolver() {
    listen inside "$T/inside" 127.0.0.1 53
    ask_up 127.0.0.1 53
    ask one && ask two
    ask_down
    kill -KILL "$LISTENER"
    [ "$(grep -c '^back' "$T/answers")" = 2 ]
}
# What was said inside the scope is no business of a policy's.
reloaded() {
    policy "$T/policy.yaml" mirror.test
    kill -HUP "$GATE"
    eventually 5 has 'policy reloaded.* 0 open connections cut' "$T/gate.log" > /dev/null
    fails grep policy_changed "$T/events"
}
reached() { "$@" && grep -qx reached "$T/result"; }
withheld() {
    local from
    from=$(wc -l < "$T/events")
    "$@"
    grep -qx withheld "$T/result"
    said "$from" 'not_resolved|udp_not_allowed|link_local_names|loopback_left' "$2"
}

FORM=output
: > "$T/events"
for address in 127.0.0.1 ::1; do check "without the gate a port is taken over ($address)" reached taken_over $address; done
check "without the gate a broadcast on loopback reaches both" reached both 127.255.255.255
check "without the gate a group on loopback reaches both" reached both 224.0.0.251 224.0.0.251
policy "$T/policy.yaml" allowed.test
gate_up output "$T/policy.yaml"
for address in 127.0.0.1 ::1; do check "a listener outside does not inherit a port ($address)" withheld taken_over $address; done
check "a broadcast on loopback reaches no listener outside" withheld both 127.255.255.255
check "a group on loopback reaches no listener outside" withheld both 224.0.0.251 224.0.0.251
check "a resolver inside the scope is free" own_resolver
check "a reload cuts nothing of it" reloaded
gate_down
policy "$T/policy.yaml" allowed.test
sed -i 's/^  test:$/  test:\n    quic: judge/' "$T/policy.yaml"
gate_up output "$T/policy.yaml"
check "a resolver inside the scope is free, where QUIC is judged" own_resolver
check "a listener outside does not inherit a port, where QUIC is judged" withheld taken_over 127.0.0.1
gate_down
finish
