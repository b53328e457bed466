#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# Mixed load in ten scopes (cgroups of the gateway, addresses behind it; IPv4 and IPv6) with an apply every second and a kill -9 every
# ten: no approved transfer breaks, nothing unjudged leaves, nothing grows.  hour.py is the load, hour_director.py all the rest.
# HOUR_SECONDS (120; an hour is 3600), HOUR_JSON=FILE: the figures, too.
TIME=${HOUR_SECONDS:-${KILL_SHORT:+60}}
TIME=${TIME:-120}
BED_SECONDS=$((TIME + 1200))
LONG=$((TIME / 3 < 90 ? TIME / 3 : 90)) # seconds, at this rate:
WEB_LOCATIONS="location = /long { alias \$T/www/large; limit_rate $(((6 << 20) / LONG)); }"
export BED_SECONDS
. "$(dirname "$0")/lib.sh"
bed
[ "$SLOW" = 1 ] || export HOUR_SANITIZED=1 # its allocator keeps what is freed
export SLOW
FORM=forward
DIRECTOR="$ROOT/tests/netns/hour_director.py"
OUTPUT=(o1 o2 o3 o4 o5)
BEHIND=(f1 f2 f3 f4 f5)
address c c0 198.18.1.1{1..5}/24 2001:db8:1::1{1..5}/64
resolver g 198.18.2.53 2001:db8:2::53
for host in c g; do h $host sh -c 'echo "0 2147483647" > /proc/sys/net/ipv4/ping_group_range'; done
for scope in "${OUTPUT[@]}" extra; do mkdir "$CGROUPS$CGROUP/$scope"; done
# So that what conntrack remembers of the dead is steady soon.
h g sh -c 'cd /proc/sys/net/netfilter && for one in tcp_timeout_time_wait tcp_timeout_close udp_timeout udp_timeout_stream icmp_timeout; do echo 5 > nf_conntrack_$one; done'
# What arrives at HOST of the forbidden, as it comes: the traffic of an hour is not kept.
watch() {
    start "$T/watch.$1" "$1" sh -c "tcpdump -i $2 -n -U --immediate-mode -s 700 -B 8192 -Z root -w - \"$3\" 2> /dev/null | $PYTHON $ROOT/tests/netns/hour.py watch"
}
watch a a0 'dst host 198.18.3.66 or dst host 2001:db8:3::66'
watch s s0 'dst net 198.18.2.0/24 and not port 9000 and not port 9001 or dst net 2001:db8:2::/64 and not port 9000 and not port 9001'

policies() {
    local n scope more other
    for n in 0 1 2 3 4; do
        more='' other='http://mirror.test, mirror.test'
        case $n in
        1) more=', "added-{1..20}.test"' ;;
        3) more=', "198.18.9.0/24:443", "added-{1..5}.test"' ;;
        4) other='http://mirror.test' ;;
        esac
        {
            printf 'version: 1\nresolvers: [198.18.2.53, "2001:db8:2::53"]\nprofiles:\n'
            printf '  test: { allow: [allowed.test, http://allowed.test, cdn.test, both.test, tcp://tcp.test:9000-9001, %s%s] }\nscopes:\n' "$other" "$more"
            for scope in "${OUTPUT[@]}"; do printf '  - { name: %s, match: { cgroup: %s/%s }, profile: test }\n' "$scope" "$CGROUP" "$scope"; done
            for scope in "${BEHIND[@]}"; do printf '  - { name: %s, match: { source: [198.18.1.1%s, "2001:db8:1::1%s"] }, profile: test }\n' "$scope" "${scope#f}" "${scope#f}"; done
            case $n in
            2 | 3) printf '  - { name: extra, match: { cgroup: %s/extra }, profile: test }\n  - { name: behind, match: { source: 198.18.7.%s }, profile: test }\n' "$CGROUP" "$n" ;;
            esac
        } > "$T/policy.$n.yaml"
    done
}
# load SCOPE COMMAND...: as hour.py of that scope, its source addresses behind the command.
load() {
    local scope=$1 host=g source=()
    shift
    case $scope in
    f*) host=c source=("198.18.1.1${scope#f}" "2001:db8:1::1${scope#f}") ;;
    esac
    setpriv --pdeathsig KILL nsenter -t "${HOST[$host]}" -n -m -- sh -c '[ "$1" = c ] || echo $$ > "$2/cgroup.procs" && shift 2 && exec "$@"' sh \
        $host "$CGROUPS$CGROUP/$scope" "$PYTHON" "$ROOT/tests/netns/hour.py" "$@" "${source[@]}"
}
escaped() { cat "$T/watch.a" "$T/watch.s" | grep "^escaped-$1-" | sort -u; }
# Each of the forbidden things is one: without the gate all twenty of a scope arrive, at the attacker or at the servers.
arrive() {
    local scope
    for scope in o1 f1; do
        load $scope once $scope x
        eventually 5 all_arrived $scope || { die "$scope: of 20 arrived only: $(escaped "${scope}x")"; }
    done
}
all_arrived() { [ "$(escaped "${1}x" | wc -l)" = 20 ]; }
applies_alone() { h g "$PYTHON" "$DIRECTOR" applies "$T" "$SLUICE" 100; }
hour() {
    local scope pids=() pid bad=0
    for scope in "${OUTPUT[@]}" "${BEHIND[@]}"; do
        load "$scope" "$scope" "$TIME" "$LONG" "$T/www/large" "$CA" "$T/load.$scope" &
        pids+=($!)
    done
    h g "$PYTHON" "$DIRECTOR" load "$T" "$TIME" "$SLUICE" "${HOST[c]}" "${HOST[s]}" || bad=1
    for pid in "${pids[@]}"; do wait "$pid" || bad=1; done
    "$PYTHON" "$DIRECTOR" judge "$T" ${HOUR_JSON:+"$HOUR_JSON"} > "$T/judged" || bad=1
    tail -n 20 "$T/judged"
    return $bad
}
none_escaped() {
    # Both still see.
    for host in a:198.18.3.66 s:198.18.2.80; do h g bash -c "printf escaped-mark-1z > /dev/udp/${host#*:}/9"; done
    eventually 10 grep -q escaped-mark "$T/watch.a"
    eventually 10 grep -q escaped-mark "$T/watch.s"
    [ -z "$(escaped '[of][0-9]')" ] || die "$(escaped '[of][0-9]' | tail -n 5)"
}
none_lost() {
    h g "$SLUICE" status --json > "$T/status"
    jq -c '.counts | {allowed, refused, packets, packets_lost, events_lost, overruns}' "$T/status"
    jq -e '.counts | .events_lost == 0' "$T/status"
}

policies
check "without the gate each forbidden thing arrives" arrive
gate_up forward "$T/policy.0.yaml"
check "a hundred applies leave no memory behind" applies_alone
check "$TIME s of load, applies and kills: what was approved goes on, nothing grows" hour
[ ! -e "$T/judged" ] || cat "$T/judged"
check "nothing forbidden left meanwhile" none_escaped
check "no event was lost" none_lost
gate_down
finish
