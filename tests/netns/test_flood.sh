#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# Exhaustion: one scope floods in every way, the other is served meanwhile; memory and events stay bounded, each limit is told once a
# second at most with a count, and nothing unjudged arrives, also while the queues overrun and when conntrack's table is full.
. "$(dirname "$0")/lib.sh"
bed
h c ip addr add 198.18.1.3/24 dev c0
h c ip addr add 198.18.1.4/24 dev c0
h c ip addr add 198.18.1.5/24 dev c0
# Half-open: nobody answers on 8443.  And the raw SYNs' answers meet no socket: the client's kernel would end what they opened.
h s nft 'add table inet bed; add chain inet bed i { type filter hook input priority 0; }; add rule inet bed i tcp dport 8443 drop'
h c nft 'add table inet bed; add chain inet bed o { type filter hook output priority -400; }; add rule inet bed o ip saddr 198.18.1.3 tcp flags & rst == rst drop'
start "$T/listen" s "$PYTHON" "$ROOT/tests/netns/flood.py" listen 198.18.2.81 8444 8445
eventually 10 grep -q ready "$T/listen"

cat > "$T/policy.yaml" <<'YAML'
version: 1
resolvers: [198.18.2.53, 198.18.2.54, "2001:db8:2::53"]
profiles:
  flooding: { allow: [allowed.test, "tls://mirror.test:8443", "tls://mirror.test:8444-8445"] }
  other: { allow: [allowed.test, "**.wild.test"], dns: { budget: { names_per_minute: 50, bytes_per_hour: 400 } } }
scopes:
  - { name: flooding, match: { source: 198.18.1.3/32 }, profile: flooding }
  - { name: other, match: { source: [198.18.1.2/32, 198.18.1.4/31] }, profile: other }
unmatched: pass
YAML
flood() { h c timeout 150 "$PYTHON" "$ROOT/tests/netns/flood.py" "$@"; }
resolve_as() { h c dig +tries=3 +timeout=5 +short -b "$1" @198.18.2.53 "$2"; }
fetch_other() { h c curl -4sS --cacert "$CA" --interface 198.18.1.2 --connect-timeout "$1" --max-time "$1" -o /dev/null https://allowed.test/hello; }

# What the whole gate has in memory, in KiB.
memory() {
    local pid
    for pid in $(pgrep --ns "${HOST[g]}" --nslist net sluice); do awk '/^VmRSS/ {print $2}' "/proc/$pid/status"; done | awk '{s += $1} END {print s + 0}'
}
lines() { wc -l < "$T/events"; }
# said_since LINE REASON: an event of that reason, and no second of any clock has more than one of them a scope.
said_since() {
    eventually 10 grep_since "$1" "$2" || { echo "no event $2 since line $1; seen: $(tail -n +"$1" "$T/events" | jq -r .event.reason | sort | uniq -c | tr '\n' ' ')" && return 1; }
}
grep_since() { tail -n +$(($1 + 1)) "$T/events" | grep -q "\"reason\" *: *\"$2\""; }
counted_since() { tail -n +$(($1 + 1)) "$T/events" | jq -s "[.[] | select(.event.reason == \"$2\") | .sluice.count // 1] | add // 0"; }

# meanwhile COMMAND...: while it runs, the other scope fetches; every fetch succeeds, and some do.
meanwhile() {
    local good=0 bad=0 start took worst=0 status=0
    "$@" > "$T/flood.out" 2>&1 &
    local flooding=$!
    while kill -0 $flooding 2> /dev/null || [ $good = 0 ]; do
        start=$(now_ms)
        if fetch_other $((20 * SLOW)) 2>> "$T/other.err"; then good=$((good + 1)); else bad=$((bad + 1)); fi
        took=$(($(now_ms) - start))
        [ $took -le $worst ] || worst=$took
        [ $bad -lt 3 ] || break
    done
    wait $flooding || status=$?
    echo "the other scope: $good fetches, $bad failed, the longest $worst ms; memory $(memory) KiB; flood: $status $(tail -n 1 "$T/flood.out")" | tee -a "$T/figures"
    [ $bad = 0 ] && [ $status = 0 ]
}
# flooded REASON COUNT COMMAND...: the other scope is served meanwhile, and at least COUNT are told for that reason.  A gate that gets
# little of the machine loses much of a flood in its queue: it is repeated until there was enough of it.
flooded() {
    local reason=$1 least=$2 from round
    shift 2
    from=$(lines)
    for round in {1..5}; do
        meanwhile "$@" || return 1
        sleep 1.5 # the count of the last second
        [ "$(counted_since "$from" "$reason")" -lt "$least" ] && [ "$(told_each "$from" "$reason")" -lt "$least" ] || return 0
    done
    die "only $(counted_since "$from" "$reason") of $least were told"
}
# Where fewer are refused in a second than may be told one by one, there is nothing left to count: then so many were told.
told_each() {
    [ "$2" = refusals_untold ] || { echo 0 && return; }
    tail -n +$(($1 + 1)) "$T/events" | jq -s 'map(select(.sluice.scope == "flooding" and .sluice.verdict == "deny" and .sluice.count == null)) |
        if (group_by(."@timestamp"[:19]) | map(length) | max) < 500 then length else 0 end'
}
half_open() { flooded half_open 1000 flood syn 198.18.1.3 198.18.2.81 8443 40000; }
open_ones() { flooded table_full 1000 flood syn 198.18.1.3 198.18.2.81 8445 30000; }
hellos() {
    flooded streams_full 500 flood hellos 198.18.1.3 198.18.2.81 8444 3000 12
    grep cut "$T/flood.out"
}
refused_connections() {
    flooded refusals_untold 1000 flood refused 198.18.1.3 198.18.3.66 6000
    grep -x '6000 refused' "$T/flood.out"
}
datagrams() { flooded refusals_untold 1000 flood datagrams 198.18.1.3 198.18.3.66 20000; }
questions() { flooded questions_full 1000 flood dns 198.18.1.3 198.18.2.54 20000 allowed.test; }
names() { flooded refusals_untold 1000 flood dns 198.18.1.3 198.18.2.53 10000 evil.test many; }
# Two clients of one scope, who ask for names that do not exist: one's tunnel ends at its budget, the other has its own.
asked() { grep -o "query\[A\] n[0-9]*\.$1 from" "$T/dns.log" | sort -u | wc -l; }
# Never more; one may be lost where a machine is busy.
went_on() { local n && n=$(asked "$1") && [ "$n" -le "$2" ] && [ "$n" -ge $(($2 - 2)) ]; }
tunnel() {
    local from
    from=$(lines)
    flood ask 198.18.1.2 198.18.2.53 200 wild.test # 2 to 4 bytes each: the names of a minute
    said_since "$from" tunnel_suspected
    eventually 10 went_on wild.test 50 || die "$(asked wild.test) names went on, not 50" || return 1
    tail -n +$((from + 1)) "$T/events" | jq -se 'map(select(.event.reason == "tunnel_suspected")) | length > 0 and all(.sluice.limit == "names_per_minute: 50" and .sluice.hint == null and .source.ip == "198.18.1.2" and .sluice.verdict == "deny")'
    flood ask 198.18.1.4 198.18.2.53 40 0123456789abcdef.wild.test # 19 or 20 bytes each: the bytes of an hour
    eventually 10 went_on 0123456789abcdef.wild.test 20 || die "$(asked 0123456789abcdef.wild.test) long names went on, not 20"
}
# Sixteen names that are paid once, then their order, four bits a question: it is within the bytes of an hour, too.
order() {
    local from carried
    from=$(lines)
    flood order 198.18.1.5 198.18.2.53 1500 order.wild.test
    said_since "$from" tunnel_suspected
    carried=$(grep -c 'query\[A\] o[0-9a-f]\.order\.wild\.test from' "$T/dns.log")
    echo "$carried questions of 1500 went on"
    [ $((carried * 4)) -le $((400 * 8)) ] || die "their order carries $((carried / 2)) bytes, not 400" || return 1
    [ "$carried" -ge 200 ] || die "only $carried questions went on"
}
lost_told() { [ "$(counted_since "$1" overrun)" -ge 1000 ]; }
# The inspector stands still for a second and the queues fill: what does not fit is dropped by the kernel.
overrun() {
    local from pid
    from=$(lines)
    pid=$(role_pid inspect)
    kill -STOP "$pid"
    flood syn 198.18.1.3 198.18.3.66 80 12000
    flood datagrams 198.18.1.3 198.18.3.66 12000
    kill -CONT "$pid"
    eventually 10 lost_told "$from" || die "only $(counted_since "$from" overrun) lost packets were told"
    eventually 20 fetch_other 10
}
# Entries that no packet made, as many as the kernel takes: it drops the first packet of every new connection.
conntrack_full() {
    local from max status=0
    from=$(lines)
    max=$(h g cat /proc/sys/net/netfilter/nf_conntrack_max)
    [ "$max" -le 600000 ] || skip "the table has room for $max connections"
    h g conntrack -D -s 198.18.1.3 > /dev/null 2>&1 || true # what nobody answered gives way
    awk -v n=$((max + 1000)) 'BEGIN {for (i = 0; i < n; i++) printf "-I -p udp -s 10.%d.%d.%d -d 192.0.2.1 --sport 1 --dport 2 -t 300 -u ASSURED,SEEN_REPLY\n", i / 65536 % 256, i / 256 % 256, i % 256}' > "$T/entries"
    h g conntrack -R "$T/entries" > "$T/load" 2>&1 || true
    [ "$(h g cat /proc/sys/net/netfilter/nf_conntrack_count)" -ge $((max - 100)) ] || skip "only $(h g cat /proc/sys/net/netfilter/nf_conntrack_count) entries could be made: $(tail -n 1 "$T/load")"
    # A few that nobody has answered give way first.
    flood syn 198.18.1.3 198.18.3.66 80 2000
    flood datagrams 198.18.1.3 198.18.3.66 2000
    fetch_other 2 && echo "there was room for one"
    said_since "$from" conntrack_full || status=1
    h g conntrack -D -d 192.0.2.1 > /dev/null 2>&1
    [ $status = 0 ] && eventually 20 fetch_other 10
}
# At most one event of a limit in each second and scope; the person's lines are bounded too.
once_a_second() {
    local worst
    worst=$(jq -r 'select(.event.reason | test("^(half_open|table_full|streams_full|held_full|questions_full|refusals_untold|overrun|conntrack_full)$")) | [."@timestamp"[:19], .event.reason, .sluice.scope] | join(" ")' "$T/events" | sort | uniq -c | sort -rn | head -n 1)
    echo "most in one second: $worst" | tee -a "$T/figures"
    [ "$(awk '{print $1}' <<< "$worst")" -le 2 ] # two, where the count of one second and the first of the next fall together
    has 'gate +scope flooding .*times' "$T/gate.log"
    [ "$(stat -c %s "$T/events")" -le $((64 << 20)) ]
}
status_counts() {
    h g "$SLUICE" status > "$T/status"
    local key
    for key in half_open table_full streams_full questions_full refusals_untold packets_lost conntrack_max; do
        awk -v k=$key '$1 == k && $2 > 0 {f = 1} END {exit !f}' "$T/status" || die "status has no $key: $(cat "$T/status")"
    done
}
bounded() {
    local now
    now=$(memory)
    echo "memory before $BEFORE KiB, after $now KiB" | tee -a "$T/figures"
    [ "$now" -le $((BEFORE + 120000 * SLOW)) ]
}
# The same again: what the first time took is used again.
again() {
    local before
    before=$(memory)
    meanwhile flood syn 198.18.1.3 198.18.2.81 8443 40000
    meanwhile flood hellos 198.18.1.3 198.18.2.81 8444 1500 1
    echo "memory before the second round $before KiB, after $(memory) KiB" | tee -a "$T/figures"
    [ "$(memory)" -le $((before + 16000 * SLOW)) ]
}
nothing_arrived() { settle a && [ "$(arrived_count)" = 0 ]; }

gate_up forward "$T/policy.yaml"
resolve_as 198.18.1.3 mirror.test > /dev/null && resolve_as 198.18.1.3 allowed.test > /dev/null
resolver c 198.18.2.53
check "the other scope is served before" fetch_other 20
BEFORE=$(memory)
check "half-open connections" half_open
check "hellos that never end" hellos
check "refused connections" refused_connections
check "refused datagrams" datagrams
check "questions without an answer" questions
check "refused names" names
check "a tunnel under a wildcard" tunnel
check "a tunnel in the order of names under a wildcard" order
check "queues that overrun" overrun
check "a full conntrack table" conntrack_full
check "a second round takes nothing more" again
check "more open connections than the table takes" open_ones
check "events: once a second, with counts" once_a_second
check "status counts them" status_counts
check "memory is bounded" bounded
check "nothing unjudged arrived" nothing_arrived
cat "$T/figures"
gate_down
finish
