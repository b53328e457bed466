#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# The live inspector and relay are made to try what code that took them over would (open, socket, exec, …): each dies by SIGSYS,
# nothing unjudged leaves meanwhile, another takes its place and service returns.
. "$(dirname "$0")/lib.sh"
bed
capture s s0
export CA
DRIVER=$T/seccomp_driver
"${CC:-gcc}" -D_GNU_SOURCE -std=gnu17 -O1 -Wall -Wextra -o "$DRIVER" "$ROOT/tests/netns/seccomp_driver.c" || exit 1

threads() { ls "/proc/$1/task"; }
asleep() { grep -q '^Name:.sleep' "/proc/$1/status" && grep -q '^State:.S' "/proc/$1/status"; }
# Without a filter the same calls come back: the driver can do what it says.
without_filter() {
    local sleeper
    for call in openat socket kill; do
        sleep 600 &
        sleeper=$!
        eventually 5 asleep $sleeper
        status 1 "$DRIVER" $sleeper $call > "$T/out" || { cat "$T/out" && kill $sleeper && return 1; }
        kill $sleeper || true # it may have stumbled over the answer
        grep "$call: returned" "$T/out"
    done
}
attempts() { client "$PYTHON" "$ROOT/tests/netns/flood.py" escape 198.18.1.2 198.18.3.66 198.18.2.53 "$T/attempting" > /dev/null 2>&1; }
new_fetch() { fetch --connect-timeout 10 --max-time 20 -o "$T/new" https://allowed.test/hello 2> "$T/new.err" && grep -q hello "$T/new"; }
asked_over_tcp() { client timeout 20 "$PYTHON" "$ROOT/tests/netns/near.py" dns-tcp 198.18.2.53 whole allowed.test 2> /dev/null | grep -q NOERROR; }
another() { local now && now=$(role_pid "$1") && [ -n "$now" ] && [ "$now" != "$2" ]; }
# forced ROLE THREAD CALL SERVICE: the n-th thread of it makes the call; SERVICE is back within three seconds.
forced() {
    local pid tid got=0
    eventually 3 role_pid "$1" > /dev/null || die "no $1 runs" || return 1
    pid=$(role_pid "$1")
    tid=$(threads "$pid" | sed -n "$2p")
    [ -n "$tid" ] || die "$1 has no thread $2" || return 1
    "$DRIVER" "$tid" "$3" > "$T/out" 2>&1 || got=$?
    cat "$T/out"
    [ $got != 77 ] || skip "$(tail -n 1 "$T/out")"
    [ $got = 0 ] || return 1
    eventually 5 another "$1" "$pid" || die "no other $1 was started" || return 1
    eventually 8 "$4" || die "no service after $3: $(cat "$T/new.err")"
}
each_call() {
    local call role=$1 service=$2
    shift 2
    for call in "$@"; do
        forced "$role" 1 $call "$service" || return 1
        sleep 0.3 # at most ten starts a second
    done
}
# While it is dead, and stays dead, nothing goes: the launcher stands still.
while_dead() {
    local launcher standby before status=0
    launcher=$(role_pid launcher)
    standby=$(role_pid standby)
    before=$(arrived_count)
    kill -STOP "$launcher" "$standby"
    "$DRIVER" "$(role_pid inspect)" socket || status=1
    fails fetch --connect-timeout 1 --max-time 2 https://allowed.test/hello || status=1
    near connect 198.18.3.66 80 "GET /escaped-dead HTTP/1.0" || true
    near unconnected 198.18.3.66 9999 escaped-dead || true
    fails near dns-udp 198.18.2.53 allowed.test || status=1
    kill -CONT "$launcher" "$standby"
    [ $status = 0 ] || return 1
    [ "$(arrived_count)" = "$before" ] || die "packets reached the attacker" || return 1
    eventually 8 new_fetch
}
# They are what would be seen.
attempts_arrive() {
    : > "$T/attempting"
    attempts &
    eventually 5 grep -aq escaped- "$T/a.pcap"
    eventually 5 grep -aq escaped- "$T/s.pcap"
    rm "$T/attempting"
    wait $!
}

check "without a filter the calls come back" without_filter
FORM=output
check "without the gate the attempts arrive" attempts_arrive
for form in ${FORMS:-output forward}; do
    FORM=$form
    policy "$T/policy.yaml" "${ALLOW[@]}"
    capture a a0
    capture s s0
    gate_up $form "$T/policy.yaml"
    check "service before" eventually 3 new_fetch
    : > "$T/attempting"
    attempts &
    ATTEMPTS=$!
    if [ $form = output ]; then
        check "the inspector dies of every call that is not its own" each_call inspect new_fetch openat socket connect execve clone ptrace sendmsg io_uring_setup mmap
        check "the relay dies of every call that is not its own" each_call relay asked_over_tcp openat socket connect execve mmap
    else
        check "the inspector dies of a call that is not its own" forced inspect 1 openat new_fetch
    fi
    check "so does its other thread" forced inspect 2 socket new_fetch
    rm "$T/attempting"
    wait $ATTEMPTS
    check "nothing goes while there is no inspector" while_dead
    check "nothing unjudged arrived" nothing_escaped
    gate_down
done
finish
