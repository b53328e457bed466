#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# Conntrack remembers a datagram's ports for 30 seconds and more; a busy host uses the same ones again by then.  Each datagram is its
# sender's, whoever had these ports before: nothing of the one's rights or refusals is the other's.
. "$(dirname "$0")/lib.sh"
bed
as_user() { h c env SUDO_UID=65534 SUDO_GID=65534 SUDO_USER=nobody "$SLUICE" run --events "$T/run.events" "$@"; }
ECHO='
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", int(sys.argv[1]))); s.settimeout(20)
if sys.argv[3:]: socket.getaddrinfo(sys.argv[3], 9123)
s.connect(("198.18.2.81", 9123)); s.send(sys.argv[2].encode()); print(s.recv(100))'

job_after_host() {
    local to
    for to in '198.18.1.2 40001 198.18.2.53' '2001:db8:1::2 40002 2001:db8:2::53'; do
        # shellcheck disable=SC2086
        [ "$(h c dig +short +tries=1 +time=20 -b "$(cut -d' ' -f1,2 --output-delimiter='#' <<< "$to")" "@${to##* }" other.test)" = 198.18.2.80 ]
        [ "$(client dig +short +tries=1 +time=20 -b "$(cut -d' ' -f1,2 --output-delimiter='#' <<< "$to")" "@${to##* }" allowed.test)" = 198.18.2.80 ]
    done
    [ "$(h c dig +short +tries=1 +time=20 -b 198.18.1.2#40003 @198.18.2.53 other.test)" = 198.18.2.80 ]
    # Another's ports open nothing: what the host had an answer to is refused to the job.
    refused not_in_allowlist other.test client sh -c 'dig +tries=1 +time=20 -b 198.18.1.2#40003 @198.18.2.53 other.test | grep NOERROR'
}
host_after_job() {
    [ "$(client dig +short +tries=1 +time=20 -b 198.18.1.2#40011 @198.18.2.53 allowed.test)" = 198.18.2.80 ]
    [ "$(h c dig +short +tries=1 +time=20 -b 198.18.1.2#40011 @198.18.2.53 other.test)" = 198.18.2.80 ]
    # And the job again, twice, by turns.
    [ "$(client dig +short +tries=1 +time=20 -b 198.18.1.2#40011 @198.18.2.53 allowed.test)" = 198.18.2.80 ]
    [ "$(h c dig +short +tries=1 +time=20 -b 198.18.1.2#40011 @198.18.2.53 other.test)" = 198.18.2.80 ]
    [ "$(client dig +short +tries=1 +time=20 -b 198.18.1.2#40011 @198.18.2.53 allowed.test)" = 198.18.2.80 ]
}
# An echo that one was allowed, or that the host had, is not the job's.
echo_after_host() {
    local n
    n=$(nonce)
    h c "$PYTHON" -c "$ECHO" 40021 "first-$n" | grep first
    expect_arrived "first-$n" s
    refused 'not_resolved|udp_not_allowed' 198.18.2.81 client "$PYTHON" -c "$ECHO" 40021 "second-$n"
    expect_not_arrived "second-$n" s
    # What it was refused on does not stay with these ports for the host.
    h c "$PYTHON" -c "$ECHO" 40021 "third-$n" | grep third
}
run_beside_run() {
    # Each run is a scope of its own; the one that lives has used the port when the other does.
    as_user --allow other.test -- sh -c 'dig +short +tries=1 +time=20 -b 198.18.1.2#40031 @198.18.2.53 other.test; for i in $(seq 3000); do [ ! -e "$1" ] || break; sleep 0.1; done' sh "$T/done" > "$T/first" 2> "$T/err.first" &
    eventually 20 grep -q 198.18.2.80 "$T/first"
    [ "$(as_user --allow allowed.test -- dig +short +tries=1 +time=20 -b 198.18.1.2#40031 @198.18.2.53 allowed.test)" = 198.18.2.80 ]
    fails as_user --allow allowed.test -- sh -c 'dig +tries=1 +time=20 -b 198.18.1.2#40031 @198.18.2.53 other.test | grep NOERROR'
    touch "$T/done"
    wait
}
run_after_host() {
    local i
    for i in 1 2 3; do
        [ "$(h c dig +short +tries=1 +time=20 -b 198.18.1.2#40041 @198.18.2.53 other.test)" = 198.18.2.80 ]
        [ "$(as_user --allow allowed.test -- dig +short +tries=1 +time=20 -b 198.18.1.2#40041 @198.18.2.53 allowed.test)" = 198.18.2.80 ]
    done
}
# Two jobs have one port at the same time (SO_REUSEADDR).  While the one's datagram is judged, the other's takes over the connection
# that conntrack sees: what is said of the first is not said of that.
RACE='
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("198.18.1.2", 40051)); s.setblocking(False)
end = time.time() + 3
while time.time() < end:
    try: s.sendto(sys.argv[1].encode(), ("198.18.2.81", 9123))
    except OSError: pass
    time.sleep(float(sys.argv[2]))'
one_port() {
    local n
    n=$(nonce)
    in_cgroup two "$PYTHON" -c "$RACE" "second-$n" 0 &
    in_cgroup one "$PYTHON" -c "$RACE" "first-$n" 0.003
    wait $!
    expect_arrived "first-$n" s
    expect_not_arrived "second-$n" s
}

capture s s0
FORM=output
policy "$T/policy.yaml" allowed.test
gate_up output "$T/policy.yaml"
check "the job asks from a port that the host asked from" job_after_host
check "the host asks from a port that the job asked from" host_after_job
check "a datagram from a port that the host sent from is judged" echo_after_host
gate_down
mkdir "$CGROUPS$CGROUP/one" "$CGROUPS$CGROUP/two"
cat > "$T/two.yaml" <<YAML
version: 1
resolvers: [198.18.2.53]
profiles:
  one: { allow: ["udp://198.18.2.81:9123"] }
  two: { allow: [allowed.test] }
scopes:
  - { name: one, match: { cgroup: $CGROUP/one }, profile: one }
  - { name: two, match: { cgroup: $CGROUP/two }, profile: two }
YAML
gate_up output "$T/two.yaml"
check "two scopes send from the same port at the same time" one_port
gate_down
check "two runs side by side ask from the same port" run_beside_run
check "a run asks from a port that the host asked from" run_after_host
finish
