#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2329
# DNS over TCP for every scope of many: one listener, whoever asks is judged as the scope that he is in and as no other, nobody
# takes it from the rest, and what a scope that is gone has asked is asked no more.
. "$(dirname "$0")/lib.sh"
SCOPES=300
DNS_MORE='address=/wild.test/198.18.2.80'
bed
FORM=output

# many COUNT FILE: so many scopes, each with one name that is its own.
many() {
    {
        echo "version: 1"
        echo 'resolvers: [198.18.2.53, "2001:db8:2::53", 198.18.2.54]'
        echo "profiles:"
        for i in $(seq "$1"); do echo "  p$i: { allow: [n$i.wild.test] }"; done
        echo "scopes:"
        for i in $(seq "$1"); do echo "  - { name: s$i, match: { cgroup: $CGROUP/s$i }, profile: p$i }"; done
        echo "unmatched: pass"
    } > "$2"
}
for i in $(seq $SCOPES); do mkdir "$CGROUPS$CGROUP/s$i"; done
many $SCOPES "$T/policy.yaml"
many $((SCOPES - 1)) "$T/fewer.yaml"

# of N COMMAND...: in the cgroup of scope N.
of() { h c sh -c 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"' sh "$CGROUPS$CGROUP/s$1" "${@:2}"; }
# asks N NAME STATUS [SERVER]
asks() {
    local got
    of "$1" dig +tcp +tries=1 +timeout=4 "@${4:-198.18.2.53}" "$2" A > "$T/dig.$1" 2>&1
    got=$(sed -n 's/.*status: \([A-Z]*\),.*/\1/p' "$T/dig.$1" | head -1)
    [ "$got" = "$3" ] || die "scope $1, $2: $got, not $3: $(cat "$T/dig.$1")"
}
own_and_others() {
    asks "$1" "n$1.wild.test" NOERROR "${3:-}" || return 1
    grep -q '198\.18\.2\.80' "$T/dig.$1" || return 1
    asks "$1" "n$2.wild.test" NXDOMAIN "${3:-}"
}
last_and_first() { own_and_others 300 1 && own_and_others 1 300 && own_and_others 65 64 && own_and_others 64 65 && own_and_others 300 299 2001:db8:2::53; }
all_at_once() {
    local i pids=()
    for i in $(seq 7 10 $SCOPES); do
        own_and_others "$i" $((i % SCOPES + 1)) > "$T/once.$i" 2>&1 &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i" || { cat "$T"/once.*; return 1; }
    done
}
told() { grep n1.wild.test "$T/events" | grep not_in_allowlist | grep s300 | grep -q "[^a-z]dig"; }
# A mark on the job's own socket says nothing: the third of its arguments is the mark of scope 300.
forged_mark() {
    of 1 "$PYTHON" - n300.wild.test $((300 << 3 | 3)) > "$T/forged" 2>&1 << 'PY'
import socket, struct, sys
name = b"".join(bytes([len(p)]) + p.encode() for p in sys.argv[1].split(".")) + b"\0"
q = struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + name + struct.pack(">2H", 1, 1)
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.settimeout(4)
s.setsockopt(socket.SOL_SOCKET, 36, int(sys.argv[2]))  # SO_MARK
s.connect(("198.18.2.53", 53))
s.sendall(struct.pack(">H", len(q)) + q)
print("rcode", s.recv(4096)[5] & 15)
PY
    grep -q 'rcode 3' "$T/forged" || { cat "$T/forged"; return 1; }
}
fds() { ls "/proc/$(role_pid relay)/fd" | wc -l; }
# The descriptors of a relay do not depend on how many scopes there are: its sockets, and 128 connections at most.
bounded() {
    local now rss
    now=$(fds)
    rss=$(awk '/^VmRSS/ {print $2}' "/proc/$(role_pid relay)/status")
    echo "$now descriptors, $rss KiB"
    [ "$now" -le $((12 + 2 * 128 + 128)) ] && [ "$rss" -le $((SLOW * 24 * 1024)) ]
}
listeners() { h c ss -Hltn | wc -l; }
two_listeners() { [ "$(listeners)" = $((BEFORE + 2)) ] || h c ss -Hltnp; }
# One scope takes all the connections it can get, and holds them; another's question is answered all the same.
greedy() {
    : > "$T/greed"
    of 1 "$PYTHON" - "$T/greed" > "$T/greedy" 2>&1 << 'PY' &
import os, resource, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
held, end = [], time.monotonic() + 60
while os.path.exists(sys.argv[1]) and time.monotonic() < end:
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setblocking(False)
    s.connect_ex(("198.18.2.53", 53))
    held.append(s)
    if len(held) > 600:
        held.pop(0).close()
        time.sleep(0.001)
    if len(held) == 600:
        print("held", flush=True)
PY
    local i status=0 greedy=$!
    eventually 10 grep -q held "$T/greedy" || { cat "$T/greedy"; status=1; }
    for i in 1 2 3 4 5; do quick 3000 own_and_others $((290 + i)) 1 || status=1; done
    bounded || status=1
    rm "$T/greed"
    wait $greedy || status=1
    return $status
}
after_a_keeper() { kill -9 "$(role_pid keeper)" && own_and_others 300 1; }
# Its question is sent again for five seconds, while no answer comes.  Once its scope is gone nobody would judge it.
gone() {
    capture s s0
    of 300 "$PYTHON" "$ROOT/tests/netns/near.py" dns-tcp 198.18.2.54 whole n300.wild.test > /dev/null 2>&1 &
    local asker=$! arrived
    eventually 20 asked || die "was not asked" || return 1
    h c "$SLUICE" apply "$T/fewer.yaml" || return 1
    settle s
    arrived=$(asked_count)
    sleep 6
    settle s
    wait $asker || true # its time was over, or it was reset
    [ "$(asked_count)" = "$arrived" ] || die "asked $(asked_count) times, $arrived of them while there was a scope"
}
asked_count() { tcpdump -n -r "$T/s.pcap" 'udp and dst host 198.18.2.54 and dst port 53' 2> /dev/null | wc -l; }
asked() { settle s && [ "$(asked_count)" -gt 0 ]; }
closed_again() { [ "$(fds)" -le "$IDLE" ] || die "$(fds) descriptors, $IDLE before"; }

BEFORE=$(listeners)
gate_up output "$T/policy.yaml"
check "300 scopes: none is without DNS over TCP" fails grep "no DNS over TCP" "$T/gate.log"
check "two listeners, whatever the number of scopes" two_listeners
IDLE=$(fds)
check "the first and the last: its own name, not another's" last_and_first
check "thirty of them at once" all_at_once
check "a refusal names the scope and the process" eventually 3 told
check "a mark that the job writes is no scope" forged_mark
check "bounded" bounded
check "a scope that takes all it gets takes nothing from another" greedy
check "its connections go" eventually 15 closed_again
check "a keeper that dies is asked again" after_a_keeper
check "what a scope that is gone has asked is not sent again" gone
check "the others go on" own_and_others 299 1
check "the relay is the one of the start" fails grep -q "relay.*started again\|sluice: relay" "$T/gate.log"
gate_down
finish
