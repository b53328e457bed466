#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# Headers that a kernel acts on by itself: errors that the gateway's own kernel sends before a rule, or without one, has seen the packet
# that they quote; options, routing and extension headers on flows that are allowed already.
. "$(dirname "$0")/lib.sh"
bed
capture s s0
TOOL=$T/tools
mkdir -p "$TOOL" && cp "$ROOT/tests/redteam/tools/raw.py" "$ROOT/tests/netns/headers.py" "$TOOL" && : > "$TOOL/ports" && chmod -R a+rX "$TOOL" && chmod 666 "$TOOL/ports"
# As systemd sets it on Debian; reassembly that is given up soon, and no limit to errors a second.
for host in c g; do
    h $host sh -c 'for i in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 2 > $i; done; echo 1 > /proc/sys/net/ipv4/ipfrag_time; echo 1 > /proc/sys/net/ipv6/ip6frag_time
        echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit'
done
# The server takes part in segment routing, and sends source routes on.
h s sh -c 'for i in all default s0; do echo 1 > /proc/sys/net/ipv6/conf/$i/seg6_enabled; echo 1 > /proc/sys/net/ipv6/conf/$i/forwarding; echo 1 > /proc/sys/net/ipv4/conf/$i/accept_source_route; done'
start "$T/echo" s "$PYTHON" "$TOOL/headers.py" echo
eventually 15 grep -q ready "$T/echo" || { cat "$T/echo" && exit 1; }
headers() { client "$PYTHON" "$TOOL/headers.py" "$@"; }
as_user() { client setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs "$PYTHON" "$TOOL/headers.py" "$@"; }

# ---- what the gateway's kernel answers by itself ----
quotes() { settle a && grep -ac "$1" "$T/a.pcap"; } # how many bytes' worth does not matter
kinds_quoted() { # v6 hop-by-hop (4, 2), v4 reassembly (11, 1)
    settle a > /dev/null
    tcpdump -n -r "$T/a.pcap" 'icmp6 and ip6[40] == 4' 2> /dev/null | grep -q . && tcpdump -n -r "$T/a.pcap" 'icmp[0] == 11 and icmp[1] == 1' 2> /dev/null | grep -q .
}
is_quoted() {
    headers reflect "$1" "$TOOL"
    eventually 15 kinds_quoted
    quotes "$1"
}
reflections() { h "$GATE_HOST" "$SLUICE" status --json | jq .counts.error_unsent; }
# Three rounds of five packets and two fragments that never come whole.
counted() { [ "$(reflections)" -ge "$1" ] && jq -es 'any(.[]; .event.reason == "error_unsent" and .sluice.verdict == "ignored")' "$T/events"; }
is_not_quoted() {
    local n
    n=$(nonce)
    headers reflect "$n" "$TOOL"
    eventually 20 counted 21 || die "only $(reflections) are counted"
    expect_not_arrived "$n"
}
FORM=forward
check "without the gate the gateway's kernel quotes to whom the lie names" is_quoted "$(nonce)"
for match in '{ interface: gc }' '{ source: [198.18.1.0/24, "2001:db8:1::/64", 198.18.3.66, "2001:db8:3::66"] }'; do
    FORM=forward policy "$T/policy.yaml" "${ALLOW[@]}"
    sed -i "s|match: .*|match: $match|" "$T/policy.yaml"
    gate_up forward "$T/policy.yaml"
    check "an error that would quote an unseen packet is not sent, and is told $match" is_not_quoted
    check "while an allowed fetch succeeds $match" fetch -6 https://allowed.test/hello
    gate_down
done
FORM=output policy "$T/run.yaml" "${ALLOW[@]}"
is_not_quoted_by_run() {
    local n
    n=$(nonce)
    h c env -u SUDO_UID "$SLUICE" run --as-root -p "$T/run.yaml" --profile test --events "$T/events" -- sh -c '
        curl -sS --cacert "$1" https://allowed.test/hello || exit
        device=$(ip -4 route | sed -n "s/^default .*dev \([^ ]*\).*/\1/p")
        "$2" "$3/headers.py" reflect "$4" "$3" "$device" && sleep 3' sh "$CA" "$PYTHON" "$TOOL" "$n"
    expect_not_arrived "$n"
    jq -es 'any(.[]; .event.reason == "error_unsent")' "$T/events"
}
: > "$T/events"
check "nor under sluice run, whose host is the job's gateway" is_not_quoted_by_run

# ---- flows that are allowed already ----
# flow_arrives USER PROTOCOL WAY...: without the gate each way's word is seen at the server.
flow_arrives() {
    local n way user=$1
    n=$(nonce)
    "$user" flow "$2" "$n"
    for way in "${@:3}"; do expect_arrived "$n-$way" s; done
}
flow_refused() {
    local n from user=$1
    n=$(nonce)
    from=$(wc -l < "$T/events")
    "$user" flow "$2" "$n" > "$T/flow"
    expect_not_arrived "$n-" s
    expect_not_arrived "$n-" a
    [ "$(grep -c True "$T/flow")" = 2 ] || { cat "$T/flow" && return 1; }
    said "$from" ip_form "$2"
}
FORM=
check "without the gate options and headers pass on a flow of datagrams" flow_arrives headers udp record segments destination hops
check "without the gate options and headers pass on a connection" flow_arrives headers tcp record destination hops
for form in output forward; do
    FORM=$form
    policy "$T/policy.yaml" "${ALLOW[@]}" udp://198.18.2.81:9123 'udp://[2001:db8:2::81]:9123' tcp://198.18.2.81:9124 'tcp://[2001:db8:2::81]:9124'
    gate_up $form "$T/policy.yaml"
    for protocol in udp tcp; do
        check "$protocol: options, routing and extension headers do not pass on an allowed flow" flow_refused headers $protocol
        check "$protocol: nor those of a user" flow_refused as_user $protocol
    done
    check "while an allowed fetch succeeds" fetch -4 https://allowed.test/hello
    gate_down
done

# A host that takes part in segment routing itself: what the job sends to a listener of its own goes on to the last segment.
h c sh -c 'for i in all default lo c0; do echo 1 > /proc/sys/net/ipv6/conf/$i/seg6_enabled; echo 1 > /proc/sys/net/ipv6/conf/$i/forwarding; done'
own_arrives() {
    local n
    n=$(nonce)
    as_user own 2001:db8:1::2 "$n"
    expect_arrived "$n"
}
own_refused() {
    local n from
    n=$(nonce)
    from=$(wc -l < "$T/events")
    as_user own 2001:db8:1::2 "$n"
    expect_not_arrived "$n"
    said "$from" ip_form 2001:db8:1::2
}
FORM=
check "without the gate a listener of the host's is a way out" own_arrives
FORM=output policy "$T/policy.yaml" "${ALLOW[@]}"
gate_up output "$T/policy.yaml"
check "segments by way of a listener of the job's own do not pass" own_refused
check "while an allowed fetch succeeds" fetch -6 https://allowed.test/hello
gate_down
finish
