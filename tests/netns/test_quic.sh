#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# QUIC: refused where the profile does not judge it; judged by the name in its Initials where it does.  Client and server are
# ngtcp2's; the attacks are quic_driver's.
. "$(dirname "$0")/lib.sh"
PACKAGES=(ngtcp2-client ngtcp2-server libngtcp2-9 libngtcp2-crypto-gnutls2 libnghttp3-3 libev4)
CLIENT=$TOOLS/ngtcp2-client/usr/bin/gtlsclient
SERVER=$TOOLS/ngtcp2-server/usr/sbin/gtlsserver
LIBRARIES=$(find "${PACKAGES[@]/#/$TOOLS/}" -type d -path '*lib/*-linux-gnu' 2> /dev/null | tr '\n' ':')
if [ ! -x "$CLIENT" ] || [ ! -x "$SERVER" ]; then
    echo "skip everything: ngtcp2 is not in $TOOLS: .ci/install --unpack $TOOLS ${PACKAGES[*]}"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
DRIVER=$T/quic_driver
# shellcheck disable=SC2046  # flags are words
(cd "$ROOT" && "${CC:-gcc}" -I. -D_GNU_SOURCE -std=gnu17 -O1 -Wall -Wextra -Wno-deprecated-declarations -o "$DRIVER" tests/netns/quic_driver.c \
    tls/*.c core/bytes.c core/hash.c core/name.c core/reason.c $(pkg-config --cflags --libs openssl libidn2)) || exit 1
bed
capture s s0

# server ADDRESS PORT [OPTION...]
server() {
    local address=$1 port=$2
    shift 2
    SERVERS=$((${SERVERS:-0} + 1))
    start "$T/quic.$SERVERS" s env LD_LIBRARY_PATH="$LIBRARIES" "$SERVER" -q -d "$T/www" "$@" "$address" "$port" "$T/web.key" "$T/web.pem"
}
for address in 198.18.2.81 2001:db8:2::81; do
    server $address 443
    server $address 444 -V
done
listening() { [ "$(h s ss -Hlun 'sport >= :443 and sport <= :444' | grep -c ':81\]*:44\|2\.81:44')" = 4 ]; }
eventually 10 listening || { cat "$T"/quic.* && exit 1; }

# quic NAME PORT [OPTION...]: fetches "large", 48 MB, or what FETCH says; the server name is NAME.
quic() {
    local name=$1 port=$2
    shift 2
    rm -rf "$T/got.d" && mkdir "$T/got.d"
    client timeout $((20 * SLOW)) env LD_LIBRARY_PATH="$LIBRARIES" "$CLIENT" -q --exit-on-all-streams-close --download="$T/got.d" "$@" "$name" "$port" \
        "https://$name/${FETCH:-medium}" || return 1
    cmp "$T/got.d/${FETCH:-medium}" "$T/www/${FETCH:-medium}"
}
driver() { client "$DRIVER" "$@"; }

judged() { # policy with quic: judge
    policy "$@"
    sed -i 's/^  test:$/  test:\n    quic: judge/' "$1"
}
NAMES=(quic4.test:443-444 quic6.test:443-444)

without_gate() {
    quic quic4.test 443
    quic quic6.test 443
    quic quic4.test 444
}
transfers() {
    FETCH=large quic quic4.test 443
    FETCH=large quic quic6.test 443
}
uploads() {
    # Larger sends than one datagram (UDP_SEGMENT) and many datagrams: short headers go on by the kernel.
    client getent ahosts quic4.test
    quic quic4.test 443 -m POST -d "$T/www/medium"
}
by_kernel() {
    # Of a transfer of some thousand packets the handler sees the first few.
    local before after
    before=$(h "$GATE_HOST" "$SLUICE" status | awk '$1 == "packets" {print $2}')
    FETCH=large quic quic4.test 443
    sleep 1.2
    after=$(h "$GATE_HOST" "$SLUICE" status | awk '$1 == "packets" {print $2}')
    [ $((after - before)) -lt 60 ] || die "the handler saw $((after - before)) packets"
}
retry() { quic quic4.test 444 && quic quic6.test 444; }
version_two() {
    # Debian's server does not speak it, so it answers an Initial that reaches it with version negotiation.
    local n m
    n=$(nonce) m=$(nonce)
    client getent ahosts quic4.test > /dev/null
    driver 198.18.2.81 443 "$n" hello2:quic4.test:firstid1
    expect_arrived "$n" s
    refused not_in_allowlist evil2.test driver 198.18.2.81 443 "$m" hello2:evil2.test:firstid1
    expect_not_arrived "$m" s
}
negotiation() {
    # The client begins with a version that nobody knows: refused, so that it must begin otherwise.
    local from
    from=$(wc -l < "$T/events")
    fails quic quic4.test 443 --version=v2draft # a draft of version 2, which that server speaks
    said "$from" quic_version 198.18.2.81
}
forbidden() {
    # SNI that is not allowed, at an address that is.
    local n
    n=$(nonce)
    client getent ahosts quic4.test > /dev/null
    client getent ahosts quic6.test > /dev/null
    refused not_in_allowlist evil.test driver 198.18.2.81 443 "$n" hello:evil.test:firstid1
    refused not_in_allowlist evil.test driver 2001:db8:2::81 443 "$n" hello:evil.test:firstid1
    expect_not_arrived "$n" s
}
allowed_arrives() {
    local n
    n=$(nonce)
    client getent ahosts quic4.test > /dev/null
    driver 198.18.2.81 443 "$n" hello:quic4.test:firstid1
    expect_arrived "$n" s
}
# A hello of two datagrams, as post-quantum ones are; also in one send.
two_datagrams() {
    local n
    client getent ahosts quic4.test > /dev/null
    n=$(nonce)
    driver 198.18.2.81 443 "$n" part2:quic4.test:firstid1 part1:quic4.test:firstid1
    arrived_times 2 "$n"
    n=$(nonce)
    driver 198.18.2.81 443 "$n" both:quic4.test:firstid1
    arrived_times 2 "$n"
    n=$(nonce)
    refused not_in_allowlist evil.test driver 198.18.2.81 443 "$n" both:evil.test:firstid1
    expect_not_arrived "$n" s
}
arrived_times() {
    expect_arrived "$2" s
    [ "$(grep -ao -- "$2" "$T/s.pcap" | wc -l)" = "$1" ] || die "$(grep -ao -- "$2" "$T/s.pcap" | wc -l) of $1 datagrams arrived"
}
not_resolved() {
    local n
    n=$(nonce)
    refused not_resolved 198.18.2.55 driver 198.18.2.55 443 "$n" hello:quic4.test:firstid1
    expect_not_arrived "$n" s
}
# is_cut REASON NONCE STEP...: the driver is refused, an event says so, and the nonce does not arrive.
is_cut() {
    local reason=$1 n=$2 from
    shift 2
    from=$(wc -l < "$T/events")
    client getent ahosts quic4.test > /dev/null
    status 3 driver 198.18.2.81 443 "$@"
    said "$from" "$reason" 198.18.2.81
    expect_not_arrived "$n" s
}
second_name() {
    local n
    n=$(nonce)
    is_cut tls_name_changed "$n" ok hello:quic4.test:firstid1 wait:50 hello:evil.test:"$n" wait:50 "short:$n"
}
decoy() {
    local n d
    n=$(nonce) d=$(nonce)
    is_cut tls_name_changed "$n" "$d" ttl:2 hello:quic4.test:firstid1 wait:50 ttl:64 hello:evil.test:"$n"
    expect_arrived "$d" s # its hop limit is not what the attacker set
}
two_keys() {
    # AES-GCM commits to no key: what is nothing under the first connection's keys is a hello under those of the id it bears.
    local n
    n=$(nonce)
    is_cut quic_keys "$n" x hello:quic4.test:firstid1 wait:50 "two:evil.test:firstid1:$n"
    n=$(nonce)
    refused not_in_allowlist evil.test driver 198.18.2.81 443 x "two:evil.test:firstid1:$n" # by itself it is that hello
    expect_not_arrived "$n" s
}
conflict() {
    local n
    n=$(nonce)
    is_cut quic_conflict "$n" "$n" part2:quic4.test:firstid1 part2:evil5.test:firstid1 part1:quic4.test:firstid1
}
short_first() {
    local n
    n=$(nonce)
    is_cut quic_expected "$n" x "short:$n"
    is_cut quic_expected "$n" x hello:quic4.test:firstid1 wait:50 port "short:$n"
}
early_data() {
    local n
    n=$(nonce)
    is_cut not_in_allowlist "$n" x "early:firstid1:$n" hello:evil.test:firstid1
    driver 198.18.2.81 443 x "early:firstid1:$n" hello:quic4.test:firstid1
    expect_arrived "$n" s
}
unknown_version() {
    local n
    n=$(nonce)
    is_cut quic_version "$n" x "version:ff00001d:$n"
    is_cut quic_version "$n" x hello:quic4.test:firstid1 wait:50 "version:00000000:$n"
}
coalesced_garbage() {
    local n
    n=$(nonce)
    is_cut quic_malformed "$n" "$n" + hello:quic4.test:firstid1 "raw:garbage $n"
    is_cut quic_malformed "$n" x hello:quic4.test:firstid1 wait:50 + hello:quic4.test:firstid1 "early:other-id:$n"
}
segments() {
    # One send that the kernel parts into a short header and an Initial.
    local n
    n=$(nonce)
    is_cut 'tls_name_changed|quic_malformed|not_in_allowlist' "$n" x hello:quic4.test:firstid1 wait:100 "segments:evil.test:$n"
}
refused_by_default() {
    local n
    n=$(nonce)
    client getent ahosts quic4.test > /dev/null
    refused quic 198.18.2.81 driver 198.18.2.81 443 "$n" hello:quic4.test:firstid1
    refused quic 2001:db8:2::81 driver 2001:db8:2::81 443 "$n" hello:quic6.test:firstid1
    expect_not_arrived "$n" s
    fetch https://allowed.test/hello | grep hello
}
# reloads LOG-LINES: the gate reads its policy again, and has done so when this returns.
reloads() {
    kill -HUP "$GATE"
    eventually 10 reload_said "$1"
}
reload_said() { tail -n +$(($1 + 1)) "$T/gate.log" | grep 'policy reloaded'; }
reload_cuts_name() {
    # QUIC stays judged, a name goes: its open flow ends at its next packet, another's goes on.
    local before after kept from log cut keep
    before=$(nonce) after=$(nonce) kept=$(nonce)
    rm -f "$T/reloaded"
    client getent ahosts quic4.test > /dev/null
    client getent ahosts quic6.test > /dev/null
    from=$(wc -l < "$T/events") log=$(wc -l < "$T/gate.log")
    client "$DRIVER" 198.18.2.81 443 x hello:quic4.test:firstid1 "until:$T/reloaded:$before" "short:$after" wait:100 "short:$after" > "$T/reload.out" &
    cut=$!
    client "$DRIVER" 2001:db8:2::81 443 x hello:quic6.test:firstid1 "until:$T/reloaded:x" "short:$kept" > "$T/reload.out" &
    keep=$!
    eventually 5 expect_arrived "$before" s
    judged "$T/policy.yaml" quic6.test:443-444 allowed.test
    reloads "$log"
    touch "$T/reloaded"
    wait $keep
    status 3 wait $cut
    expect_arrived "$kept" s
    expect_not_arrived "$after" s
    said "$from" policy_changed quic4.test
    reload_said "$log" | grep '[1-9][0-9]* open connections* cut'
    fails event_seen "$from" policy_changed quic6.test
    log=$(wc -l < "$T/gate.log")
    judged "$T/policy.yaml" "${NAMES[@]}" allowed.test
    reloads "$log"
    eventually 5 quic quic4.test 443
}
reload_cuts() {
    # The profile judges QUIC no more: the approved flow ends.
    local before after cut log
    before=$(nonce) after=$(nonce) log=$(wc -l < "$T/gate.log")
    rm -f "$T/reloaded"
    client getent ahosts quic4.test > /dev/null
    client "$DRIVER" 198.18.2.81 443 x hello:quic4.test:firstid1 "until:$T/reloaded:$before" "short:$after" wait:100 "short:$after" > "$T/reload.out" &
    cut=$!
    eventually 5 expect_arrived "$before" s
    sed -i 's/quic: judge/quic: refuse/' "$T/policy.yaml"
    reloads "$log"
    touch "$T/reloaded"
    status 3 wait $cut
    expect_not_arrived "$after" s
}

check "without the gate: QUIC works, with a Retry too" without_gate
for form in output forward; do
    FORM=$form
    judged "$T/policy.yaml" "${NAMES[@]}" allowed.test
    gate_up $form "$T/policy.yaml"
    check "an allowed name: 48 MB over IPv4 and IPv6" transfers
    check "the kernel lets short headers go" by_kernel
    check "an upload" uploads
    check "a server that answers with a Retry" retry
    check "version 2" version_two
    check "an unknown version first" negotiation
    check "another name at the same address" forbidden
    check "an allowed hello arrives" allowed_arrives
    check "a hello of two datagrams" two_datagrams
    check "an address that was not resolved" not_resolved
    check "a second Initial with another name cuts the flow" second_name
    [ $form = forward ] || check "a decoy with a low hop limit" decoy
    check "an Initial that opens under two keys" two_keys
    check "CRYPTO ranges that differ" conflict
    check "a short header without an Initial; another port" short_first
    check "0-RTT before the name" early_data
    check "unknown versions" unknown_version
    check "garbage behind the packet" coalesced_garbage
    check "several datagrams in one send" segments
    check "a reload cuts the flow of a name that it no longer allows" reload_cuts_name
    check "a reload cuts what the policy allows no more" reload_cuts
    gate_down

    FORM=$form
    policy "$T/policy.yaml" "${NAMES[@]}" allowed.test
    gate_up $form "$T/policy.yaml"
    check "refused by default; TCP goes on" refused_by_default
    gate_down
done
finish
