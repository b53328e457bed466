# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What test_ruleset.sh and test_scopes.sh share: the driver of nft/, three namespaces, checks.  Sourced, with NAME set.
#
#     c (container) ─── h (the host with the rules; a job is a cgroup in it) ─── s (the server outside)
#
# BUILD: where the drivers are built; DRIVERS: where they are built already.
# shellcheck disable=SC2086,SC2016,SC2034  # words; conditions are evaluated later; used by who sources this
BUILD=${BUILD:-build}
if [ "$(id -u)" != 0 ]; then
    echo "skip $NAME: needs root"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
if [ -z "${DRIVERS:-}" ]; then
    DRIVERS=$(realpath -m "$BUILD/netns")
    mkdir -p "$DRIVERS"
    for name in ruleset conntrack; do
        # shellcheck disable=SC2046  # flags are words
        "${CC:-gcc}" -I. -D_GNU_SOURCE -std=gnu17 -g -O1 -Wall -Wextra ${TESTFLAGS:-} -o "$DRIVERS/${name}_driver.$$" "tests/netns/${name}_driver.c" \
            nft/*.c core/*.c $(pkg-config --cflags --libs libnetfilter_queue libmnl libnftnl libidn2 jansson) || exit 1
        mv -f "$DRIVERS/${name}_driver.$$" "$DRIVERS/${name}_driver" # at once: another suite may be about to start the one of before
    done
fi
CG=$(awk '{for (i = 1; i < NF; i++) if ($i == "-" && $(i+1) == "cgroup2") {print $5; exit}}' /proc/self/mountinfo)
ID=nft-$$
T=$(mktemp -d "${TMPDIR:-/tmp}/$ID.XXXXXX")
PEER=$PWD/tests/netns/ruleset_peer.py
passed=0 failed=0 skipped=0 DRIVER='' STARTED=()

cleanup() {
    local pid name
    for pid in $DRIVER "${STARTED[@]}"; do kill -9 "$pid" 2> /dev/null; done
    for name in h s c; do ip netns del "$ID-$name" 2> /dev/null; done
    sleep 0.2 # a killed process leaves its cgroup when it is reaped
    rmdir "$CG/$ID/job" "$CG/$ID/gate" "$CG/$ID" 2> /dev/null
    rm -rf "$T"
}
trap cleanup EXIT
ok() { passed=$((passed + 1)) && echo "ok   $1"; }
bad() {
    failed=$((failed + 1))
    echo "FAIL $1"
    tail -n 6 "$T/out" "$T/q" 2> /dev/null | sed 's/^/     | /'
}
skip() { skipped=$((skipped + 1)) && echo "skip $1"; }
# check NAME CONDITION...: a command that must succeed
check() {
    local name=$1
    shift
    if "$@"; then ok "$name"; else bad "$name"; fi
}
in_ns() { local n=$1 && shift && setpriv --pdeathsig KILL nsenter --net="/run/netns/$ID-$n" "$@"; }
job() { sh -c 'echo $$ > "$0/cgroup.procs"; exec "$@"' "$CG/$ID/job" setpriv --pdeathsig KILL nsenter --net="/run/netns/$ID-h" "$@"; }
gate() { sh -c 'echo $$ > "$0/cgroup.procs"; exec "$@"' "$CG/$ID/gate" setpriv --pdeathsig KILL nsenter --net="/run/netns/$ID-h" "$@"; }
host() { in_ns h "$@"; }
box() { in_ns c "$@"; }
peer() { in_ns s "$@"; }
# try: what must not get an answer waits a second for it.  gets: what must, as long as it takes; what must not after a "!command", a second.
try() { "$1" python3 "$PEER" "${@:2}" > "$T/out" 2>&1; }
gets() { TIMEOUT=30 AFTER=1 try "$@"; }
# soon COMMAND...: becomes true, however slow the machine is.
soon() {
    local end=$((SECONDS + 60))
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}
out() { grep -qE -- "$1" "$T/out"; }
queued() { soon grep -qE -- "$1" "$T/q"; }
unqueued() { ! grep -qE -- "$1" "$T/q"; }
# Nothing to or from this port; strays may be late packets of streams that an earlier check cut.
nothing_queued() { ! grep -qE "^q [0-9]+ (to|from|in) .*:$1 " "$T/q"; }
count() { grep -cE -- "$1" "$T/q"; }
# How many packets, of which one may have been sent again.
packets() { sort -u "$T/q" | grep -cE -- "$1"; }
arrived() { soon grep -qF -- "$1" "$T/far"; }
absent() { ! grep -qF -- "$1" "$T/far"; }
both() { eval "$1" && eval "$2"; }
waits() { soon grep -sq -- "$2" "$1"; } # FILE TEXT
background() { # LOG WHERE COMMAND...
    local log=$1
    shift
    "$@" > "$log" 2>&1 &
    STARTED+=($!)
    disown $!
}
stop() {
    [ -z "$DRIVER" ] || { kill -TERM "$DRIVER" && wait "$DRIVER"; }
    DRIVER=
    if grep -q Sanitizer "$T/q" 2> /dev/null; then bad "sanitizer"; fi
    host conntrack -F > /dev/null 2>&1
    true
}
# rules ARGUMENT...: replaces the driver
rules() {
    stop
    : > "$T/q"
    : > "$T/far"
    nsenter --net="/run/netns/$ID-h" "$DRIVERS/ruleset_driver" "$@" > "$T/q" 2>&1 &
    DRIVER=$!
    waits "$T/q" '^ready' || { echo "FAIL driver: $(cat "$T/q")" && failed=$((failed + 1)); }
}
forget() { : > "$T/q" && : > "$T/far" && : > "$T/out"; }
mark() { host conntrack -L 2> /dev/null | grep -E "dport=$1 " | grep -oE 'mark=[0-9]+' | head -1 | cut -d= -f2; }

# ---- the bed ----
mkdir -p "$CG/$ID/job" "$CG/$ID/gate"
for n in h s c; do ip netns add "$ID-$n" && in_ns $n ip link set lo up; done
ip link add hs netns "$ID-h" type veth peer name sh netns "$ID-s"
ip link add hc netns "$ID-h" type veth peer name ch netns "$ID-c"
host ip addr add 10.9.1.1/24 dev hs && host ip -6 addr add fd00:1::1/64 dev hs nodad
in_ns s ip addr add 10.9.1.2/24 dev sh && in_ns s ip -6 addr add fd00:1::2/64 dev sh nodad
host ip addr add 10.9.2.1/24 dev hc && host ip -6 addr add fd00:2::1/64 dev hc nodad
box ip addr add 10.9.2.2/24 dev ch && box ip -6 addr add fd00:2::2/64 dev ch nodad
for l in hs hc; do host ip link set $l up; done
in_ns s ip link set sh up && box ip link set ch up
in_ns s ip route add default via 10.9.1.1 && in_ns s ip -6 route add default via fd00:1::1
box ip route add default via 10.9.2.1 && box ip -6 route add default via fd00:2::1
host sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward; for i in all default hs hc; do echo 1 > /proc/sys/net/ipv6/conf/$i/forwarding; done
    echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet'
for n in h s; do in_ns $n sh -c 'echo "0 2147483647" > /proc/sys/net/ipv4/ping_group_range'; done
background "$T/serve" in_ns s python3 "$PEER" serve "$T/far"
waits "$T/far" ready || echo "FAIL server"
background "$T/box.out" box python3 "$PEER" listen 80 "$T/box"
waits "$T/box" ready
S4=10.9.1.2 S6=fd00:1::2
