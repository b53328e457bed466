#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2086,SC2155,SC2209,SC2329
# Jobs that flood what is refused to them: each process of the gate is killed again and again while they start and end; and they end while
# their refusals are under way.  Nothing of theirs gets out, the list of jobs is what was asked for, each event is of its own job.
. "$(dirname "$0")/jobs.sh"

# flood WORD PORT: until it is ended.  WORD is in every datagram, question and connection; datagrams go to PORT.
FLOOD='
import collections, os, socket, struct, sys, time
word, port, n, held = sys.argv[1], int(sys.argv[2]), 0, collections.deque()
def attempt(what, *arguments):
    try: what(*arguments)
    except OSError: pass
def question(n):
    labels = b"".join(bytes([len(x)]) + x for x in (f"{word}-{n}".encode(), b"evil", b"test", b""))
    return struct.pack(">6H", n & 65535, 0x100, 1, 0, 0, 0) + labels + b"\0\1\0\1"
while True:
    n += 1
    for family, attacker, resolver in ((socket.AF_INET, "198.18.3.66", "198.18.2.53"), (socket.AF_INET6, "2001:db8:3::66", "2001:db8:2::53")):
        udp, tcp = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_STREAM)
        tcp.setblocking(False)
        attempt(udp.sendto, f"{word} {n}".encode(), (attacker, port))
        attempt(udp.sendto, question(n), (resolver, 53))
        attempt(udp.sendto, f"{word} {n}".encode(), (attacker, 9999))
        attempt(tcp.connect, (attacker, 80))
        held.append((udp, tcp))
    if len(held) > 64:
        for s in held.popleft():
            attempt(s.send, f"GET /{word}-{n} HTTP/1.0\r\n\r\n".encode())
            s.close()
    if n == 50: print("flooding", flush=True)
    time.sleep(0.002)'
# flooding CGROUP WORD PORT: in the background, under way.
flooding() {
    : > "$T/flooding"
    in_cgroup "$1" "$PYTHON" -c "$FLOOD" "$2" "$3" > "$T/flooding" 2>&1 &
    FLOODER=$!
    eventually 20 grep -q flooding "$T/flooding" || { cat "$T/flooding" && return 1; }
}
# What is in the cgroup ends, and is gone when this returns.
stop() {
    echo 1 > "$CGROUPS$CGROUP/$1/cgroup.kill"
    wait $FLOODER 2> /dev/null || :
    eventually 10 grep -q 'populated 0' "$CGROUPS$CGROUP/$1/cgroup.events"
}
nothing_of() {
    expect_not_arrived "$1" a
    expect_not_arrived "$1" s
}
# It is what would be seen.
floods() {
    local word
    word=$(nonce)
    flooding free "$word" 20000
    eventually 10 grep -aq "$word [0-9]" "$T/a.pcap"
    eventually 10 grep -aq "GET /$word" "$T/a.pcap"
    eventually 10 grep -aq "$word-[0-9]*.evil" "$T/s.pcap"
    stop free
}

# ---- processes of the gate are killed ----

ROLES=(launcher standby keeper inspect relay)
roles_here() {
    local role
    for role in "${ROLES[@]}"; do role_pid "$role" > /dev/null || return 1; done
}
# One after the other, as long as the file is there; each when all are there again.
killer() {
    local i=0 pid
    while [ -e "$T/killing" ]; do
        eventually 20 roles_here || { echo "they do not come back" && return 1; }
        pid=$(role_pid "${ROLES[i % ${#ROLES[@]}]}" | head -n 1) && kill -KILL "$pid" && echo "killed ${ROLES[i % ${#ROLES[@]}]}"
        i=$((i + 1))
        sleep 0.0$((RANDOM % 9))
    done
}
killed_each() { [ "$(grep -c killed "$T/killer")" -ge ${#ROLES[@]} ]; }
# is_listed ID: 0 or 1; asked until a keeper answers.
answers() { jobs_say > "$T/jobs" 2> /dev/null && jq -e .jobs "$T/jobs" > /dev/null; }
is_listed() {
    eventually 20 answers || die "nobody answers" || exit 1
    jq -e --arg j "$1" '[.jobs[].id] | index($j) != null' "$T/jobs" > /dev/null
}
# As a runner does that got no answer: it looks whether it was done, and else asks again.
persist() { # WANTED-STATE ID ORDER...
    local want=$1 id=$2 try
    shift 2
    for try in {1..40}; do
        job "$@" > "$T/job.out" 2>&1 && return 0
        if is_listed "$id"; then [ $want = no ] || return 0; else [ $want = yes ] || return 0; fi
    done
    die "$*: $(cat "$T/job.out")"
}
killed_all_the_time() {
    local i word got=0
    word=$(nonce)
    : > "$T/killing"
    killer > "$T/killer" 2>&1 &
    local killing=$!
    for i in {1..8}; do
        persist yes "k$i" start --id "k$i" --profile node --cgroup "$CGROUP/k$i" &&
            flooding "k$i" "$word" 20000 && sleep 0.3 || { got=1 && break; }
        # Two of three end; what runs on is stopped only at the end of its job.
        stop "k$i" || got=1
        [ $((i % 3)) = 0 ] || persist no "k$i" end "k$i" || got=1
    done
    eventually 60 killed_each || got=1
    rm "$T/killing"
    wait $killing || { cat "$T/killer" && got=1; }
    [ $got = 0 ] || return 1
    eventually 20 roles_here
    nothing_of "$word"
    # Whom the list shows is held, and the others are gone.
    is_listed k3
    jobs_say | jq -e '[.jobs[] | select(.ended | not) | .id] | sort == ["k3", "k6"]' || { jobs_say && return 1; }
    may k3 allowed.test
    may_not k3 other.test
    may k1 other.test
    for i in 3 6; do job end "k$i"; done
    eventually 10 none_listed
    job start --id k9 --profile node --cgroup "$CGROUP/k9"
    may k9 cdn.test
    may_not k9 other.test
    job end k9
}

# tells WORD: lines to tcp.test, until its connection ends.
TELLS='
import socket, sys, time
socket.getaddrinfo("tcp.test", 9000)
s = socket.create_connection(("198.18.2.81", 9000))
while True:
    s.sendall(sys.argv[1].encode() + b"\n")
    time.sleep(0.01)'
phase_is() { is_listed p && [ "$(jq -r '.jobs[] | select(.id == "p") | .phase' "$T/jobs")" = "$1" ]; }
# The keeper dies in the middle of it: either the phase is not in force, or what it does not allow is cut.
keeper_dies_over_a_phase() {
    local i word keeper telling phasing
    for i in {1..16}; do
        word=$(nonce)
        job start --id p --profile node --cgroup "$CGROUP/p" > /dev/null
        in_cgroup p "$PYTHON" -c "$TELLS" "$word" > "$T/tells" 2>&1 &
        telling=$!
        eventually 20 expect_arrived "$word" s > /dev/null
        keeper=$(role_pid keeper)
        job phase p build > "$T/phase.out" 2>&1 &
        phasing=$!
        sleep 0.0$((10 + 2 * i))
        kill -KILL "$keeper" 2> /dev/null || :
        wait $phasing || :
        eventually 20 answers || die "nobody answers"
        if phase_is build; then
            eventually 20 dead $telling || die "try $i: the phase is in force, and its open connection goes on; $(cat "$T/phase.out")"
        else
            kill $telling
        fi
        wait $telling || :
        eventually 20 roles_here
        persist no p end p --kill
    done
}

# ---- a job ends while its refusals are under way ----

# events_of WORD PORT JOB: all that tell of that flood are of that job.
events_of() {
    jq -cs --arg w "$1" --argjson p "$2" --arg j "$3" '[.[] | select(((.["destination.domain"] // .destination.domain // .["dns.question.name"] // .dns.question.name // "") | startswith($w))
        or (.["destination.port"] // .destination.port) == $p)] | (length, (.[] | select((.["sluice.job"] // .sluice.job) != $j)))' "$T/events" > "$T/of"
    [ "$(head -n 1 "$T/of")" -gt 0 ] || die "no event tells of it" || return 1
    [ "$(wc -l < "$T/of")" = 1 ] || die "$(head -n 5 "$T/of" | cut -c 1-1000)"
}
freeze() {
    echo 1 > "$CGROUPS$CGROUP/$1/cgroup.freeze"
    eventually 20 grep -q 'frozen 1' "$CGROUPS$CGROUP/$1/cgroup.events"
}
# ends_under_flood HOW FIRST-PORT: six jobs, one after the other, in the same place and with the same number of a scope.
ends_under_flood() {
    local i word words=()
    for i in {1..6}; do
        word=$(nonce) words+=("$word")
        job start --id "$1$i" --profile node --cgroup "$CGROUP/e" > /dev/null
        flooding e "$word" $(($2 + i))
        if [ "$1" = release ]; then # what is sent later may go
            freeze e
            job end "$1$i" --release
            nothing_of "$word"
            stop e
            echo 0 > "$CGROUPS$CGROUP/e/cgroup.freeze" 2> /dev/null || :
        elif [ "$1" = kill ]; then
            job end "$1$i" --kill
            wait $FLOODER 2> /dev/null || :
        else
            job end "$1$i" 2> /dev/null # what it left is held, and floods on
            sleep 0.2
            stop e
            eventually 10 none_listed
        fi
    done
    for i in {1..6}; do
        nothing_of "${words[i - 1]}"
        eventually 10 events_of "${words[i - 1]}" $(($2 + i)) "$1$i"
    done
    eventually 10 none_listed
}
still_works() {
    job start --id w --profile node --cgroup "$CGROUP/w"
    may w allowed.test
    may_not w other.test
    job end w
}

FORM=''
check "without a gate the flood arrives" floods
FORM=output
capture a a0
capture s s0
write_policy "$T/policy.yaml"
gate_up output "$T/policy.yaml"
check "a job ends by --kill under its flood" ends_under_flood kill 21000
check "a job ends under its flood, which is held on" ends_under_flood held 22000
check "a job is released while its refusals are under way" ends_under_flood release 23000
check "jobs start, flood and end while each process of the gate is killed" killed_all_the_time
check "the keeper dies while a phase comes into force" keeper_dies_over_a_phase
check "a job works after all" still_works
finish
