#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2154,SC2209,SC2329
# A phase, or another policy, in the middle of things: half a hello, half a request, a tunnel that a proxy has not agreed to yet, QUIC before
# and after its name, a question that waits and one that has half come.  What is finished after the change is judged by what holds then.
. "$(dirname "$0")/lib.sh"
DRIVER=$T/quic_driver
# shellcheck disable=SC2046  # flags are words
(cd "$ROOT" && "${CC:-gcc}" -I. -D_GNU_SOURCE -std=gnu17 -O1 -Wall -Wextra -Wno-deprecated-declarations -o "$DRIVER" tests/netns/quic_driver.c \
    tls/*.c core/bytes.c core/hash.c core/name.c core/reason.c $(pkg-config --cflags --libs openssl libidn2)) || exit 1
bed
capture s s0
HALVES=$ROOT/tests/netns/halves.py
start "$T/serve" s "$PYTHON" "$HALVES" serve "$T/go"
eventually 15 grep -q ready "$T/serve" || { cat "$T/serve" && exit 1; }
# What begins to leave before the change, what waits for its rest, and of these what a proxy is for.
BEGUN=(shown plain next-request tunnelled tunnelled-bytes questions quic-shown quic-open)
WAITING=(half-hello opened half-request proxy-opened asked asked-eager between quic-half)
ALL=("${BEGUN[@]}" "${WAITING[@]}")
PROXIED=(proxy-opened asked asked-eager between tunnelled tunnelled-bytes)

# write ENTRIES: "node" allows them.
WIDE="cdn.test, held-cdn.test, http://allowed.test, allowed.test, tcp://tcp.test:2525, '**.wild.test', quic4.test, proxy://mirror.test:3129"
write() {
    cat > "$T/policy.yaml" <<YAML
version: 1
resolvers: [198.18.2.53, 198.18.2.54]
profiles:
  node:
    allow: [$1]
    quic: judge
    phases:
      build: { allow: [] }
      same: { allow: [$WIDE] }
      other: { allow: [mirror.test, big.test] }
      direct: { allow: [${WIDE/proxy:/http:}] }
scopes: []
unmatched: pass
YAML
}
job() { h "$GATE_HOST" timeout $((60 * SLOW)) "$SLUICE" job "$@"; }
apply() { h "$GATE_HOST" timeout $((60 * SLOW)) "$SLUICE" apply; }
inside() { if [ "$FORM" = output ]; then in_cgroup job "$@"; else h c "$@"; fi; }
times() { settle s && grep -ao -- "$1" "$T/s.pcap" | wc -l; }
# all_there SUFFIX CASE...: word-CASE-SUFFIX of each arrived.
all_there() {
    local suffix=$1 name missing=''
    shift
    settle s || return 1
    for name; do grep -aq -- "$word-$name-$suffix" "$T/s.pcap" || missing="$missing $name"; done
    [ -z "$missing" ] || die "not there:$missing"
}

# quic NAME STEP...: in the background, as case NAME.
quic() {
    local name=$1
    shift
    inside timeout 300 "$DRIVER" 198.18.2.81 443 "$word-$name" "$@" > "$T/$name.out" 2>&1 &
    quics+=($!)
}
begin() {
    local how=$1
    word=$(nonce) quics=()
    rm -f "$T/go"
    inside getent ahosts quic4.test > /dev/null
    : > "$T/halves"
    inside "$PYTHON" "$HALVES" client "$word" "$T/go" "$how" > "$T/halves" 2>&1 &
    halves=$!
    quic quic-half-2 "part2:quic4.test:firstid1" "go:$T/go" "part1:quic4.test:firstid1"
    quic quic-shown-1 "hello:quic4.test:firstid1" "go:$T/go" "early:firstid1:$word-quic-shown-2"
    quic quic-open-1 "hello:quic4.test:firstid1" "short:$word-quic-open-1" "go:$T/go" "short:$word-quic-open-2"
    eventually 30 grep -q ready "$T/halves" || { cat "$T/halves" && return 1; }
    eventually 10 all_there 1 "${BEGUN[@]}" || return 1
    [ "$(times "$word-half")" = 0 ] && [ "$(times "$word-asked")" = 0 ] || [ -z "$GATE_HOST" ] || die "what is not whole leaves"
}
end() {
    : > "$T/go" # what still waits
    wait "${quics[@]}" || :
    kill "$halves" 2> /dev/null || :
    wait "$halves" || :
}
# goes_on CHANGE...: all that was begun is finished, over the change.  What is not whole is held for ten seconds: of five tries, one must be
# quicker.
goes_on() { any_of_five once_goes_on "$@"; }
any_of_five() {
    local try
    for try in {1..5}; do
        if "$@"; then return 0; fi
        end
    done
    return 1
}
once_goes_on() {
    begin any || return 1
    "$@" || return 1
    local asked
    asked=$(times "$word-questions-1")
    : > "$T/go"
    eventually 10 all_there 2 "${ALL[@]}" || { cat "$T/halves" && return 1; }
    [ -z "$GATE_HOST" ] || eventually 10 sh -c '[ "$(grep -ao -- "$1-questions-1" "$2" | wc -l)" -gt "$3" ]' sh "$word" "$T/s.pcap" "$asked" ||
        die "the question that waits is not asked again"
    end
}
# Nothing of CASES leaves any more.
none_of() {
    local name
    for name; do
        [ "$(times "$word-$name-2")" = 0 ] || die "$name went on" || return 1
    done
}
# ends HOW CHANGE...: nothing of it is, and what was open is cut: at the client's host its sockets are gone.
ends() {
    local how=$1 asked
    shift
    [ "$FORM" = output ] || how=any
    begin "$how" || return 1
    local from
    from=$(wc -l < "$T/events")
    "$@" || return 1
    asked=$(times "$word-questions-1")
    : > "$T/go"
    eventually 60 grep -q answers "$T/halves" || die "$(cat "$T/halves")" || return 1
    end
    cat "$T/halves"
    none_of "${ALL[@]}" || return 1
    [ "$(times "$word-questions-1")" = "$asked" ] || die "the question was asked again after the change" || return 1
    [ "$how" = any ] || [ "$(grep -c '^[a-z-]* ended' "$T/halves")" = 12 ] || die "not all of them were cut" || return 1
    said "$from" policy_changed cdn.test && said "$from" policy_changed quic4.test && said "$from" policy_changed tcp.test
}
# Only what needs the proxy ends.
proxied_ends() { any_of_five once_proxied_ends "$@"; }
once_proxied_ends() {
    local name direct=()
    for name in "${ALL[@]}"; do [[ " ${PROXIED[*]} " == *" $name "* ]] || direct+=("$name"); done
    begin any || return 1
    "$@" || return 1
    : > "$T/go"
    eventually 10 all_there 2 "${direct[@]}" || { cat "$T/halves" && return 1; }
    eventually 20 grep sent "$T/halves"
    end
    none_of "${PROXIED[@]}"
}
phase() { job phase p "$1"; }
applies() { write "$1" && apply; }
back() { job phase p "" && write "$WIDE" && apply; }

without_gate() { goes_on true; }
inside() { h c "$@"; }
check "without a gate all of it arrives" without_gate
inside() { if [ "$FORM" = output ]; then in_cgroup job "$@"; else h c "$@"; fi; }
for form in output forward; do
    FORM=$form
    write "$WIDE"
    gate_up $form "$T/policy.yaml"
    place=(--cgroup "$CGROUP/job")
    [ $form = output ] || place=(--source 198.18.1.0/24)
    job start --id p --profile node "${place[@]}" > /dev/null || t_fail "the job starts"
    check "with the gate too, if nothing changes" goes_on true
    check "a phase that allows the same" goes_on phase same
    back > /dev/null || t_fail "back to the wide policy"
    check "a phase that allows nothing" ends cut phase build
    back > /dev/null || t_fail "back to the wide policy"
    check "a phase that allows other names of the same addresses" ends any phase other
    back > /dev/null || t_fail "back to the wide policy"
    check "a phase in which the proxy is a server as any" proxied_ends phase direct
    back > /dev/null || t_fail "back to the wide policy"
    check "sluice apply: the same in other words" goes_on applies "$WIDE, mirror.test"
    back > /dev/null || t_fail "back to the wide policy"
    check "sluice apply: nothing is left" ends cut applies ""
    back > /dev/null || t_fail "back to the wide policy"
    check "all is as before" goes_on true
    gate_down
done
finish
