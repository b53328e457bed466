#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2329
# A flow table of another nft table, as routers have for speed: what it takes over no rule sees, ours neither, and TCP it takes before
# the first byte.  A gate that forwards does not start beside one, an isolated run, for which the host forwards, neither; one that is made
# later is told.  Needs Debian's kernel (tests/vm).
. "$(dirname "$0")/lib.sh"
bed
capture s s0

flow_table() {
    h g nft -f - <<'NFT'
table inet router {
    flowtable fast { hook ingress priority 0; devices = { gc, gs }; }
    chain forward { type filter hook forward priority 0; policy accept; ip protocol { tcp, udp } flow add @fast; }
}
NFT
}
no_flow_table() { h g nft delete table inet router; }
# A name that is not allowed, at an allowed one's address.
wrong_name() {
    client getent ahostsv4 allowed.test > /dev/null
    client timeout 20 openssl s_client -brief -connect 198.18.2.80:443 -servername "$1.other.test" < /dev/null
}
wrong_name_passes() {
    local n
    n=$(nonce)
    wrong_name "$n" || :
    expect_arrived "$n" s
}
wrong_name_is_held() {
    local n from
    n=$(nonce)
    from=$(wc -l < "$T/events")
    wrong_name "$n" || :
    said "$from" not_in_allowlist "$n"
    expect_not_arrived "$n" s
}
refuses_to_start() {
    fails h g timeout 60 "$SLUICE" gate -c "$T/policy.yaml" > "$T/start" 2>&1
    has 'the flow table inet router fast \(g[cs], g[cs]\) would take forwarded connections past the gate' "$T/start"
    ! h g nft list tables | grep -q sluice
}
told_later() {
    local from
    from=$(wc -l < "$T/events")
    flow_table
    eventually 30 event_seen "$from" flow_table gate
    eventually 30 has 'warning: the flow table inet router fast \(g[cs], g[cs]\) takes forwarded connections past the gate' "$T/gate.log"
}

# In g, whose devices the table has.
run() { h g timeout $((60 * SLOW)) "$SLUICE" run --resolver 198.18.2.53 --allow allowed.test "$@"; }
no_isolated_run() {
    status 125 run --isolate -- touch "$T/ran" > "$T/start" 2>&1 || { cat "$T/start" && return 1; }
    has 'the flow table inet router fast \(g[cs], g[cs]\) would take forwarded connections past the gate.* run without --isolate' "$T/start"
    [ ! -e "$T/ran" ] || die "the command ran" || return 1
    ! h g nft list tables | grep -q sluice
}
run_is_told() {
    rm -f "$T/over"
    h g "$SLUICE" run --resolver 198.18.2.53 --allow allowed.test --isolate -- sh -c 'touch "$0/begun"; until [ -e "$0/over" ]; do sleep 0.1; done' "$T" > "$T/run.out" 2>&1 &
    local run=$!
    eventually 30 [ -e "$T/begun" ]
    flow_table
    eventually 30 has 'warning: the flow table inet router fast' "$T/run.out" || { touch "$T/over" && cat "$T/run.out" && return 1; }
    touch "$T/over"
    wait $run || die "the run ended with $?"
    no_flow_table
}

FORM=forward
policy "$T/policy.yaml" "${ALLOW[@]}"
if ! flow_table 2> "$T/nft.err"; then
    t_skip "a gate beside a flow table" "this kernel has none"
    finish
fi
check "a gate that forwards does not start beside a flow table" refuses_to_start
check "an isolated run neither" no_isolated_run
no_flow_table
check "an isolated run is told of one that is made later" run_is_told
gate_up forward "$T/policy.yaml"
check "without one, another name at the address is held" wrong_name_is_held
check "a flow table that is made later is told" told_later
check "what it takes over is not held" wrong_name_passes # SECURITY.md says so
gate_down
FORM=output
policy "$T/policy.yaml" "${ALLOW[@]}"
starts_for_cgroups() {
    start "$T/own.log" g "$SLUICE" gate -c "$T/policy.yaml"
    eventually 20 grep -q 'gate ready' "$T/own.log"
}
check "a gate of the host's own cgroups starts beside one" starts_for_cgroups
told_with_the_scopes() {
    FORM=forward policy "$T/policy.yaml" "${ALLOW[@]}"
    fails grep 'flow table' "$T/own.log"
    h g "$SLUICE" apply
    eventually 30 has 'warning: the flow table inet router fast' "$T/own.log"
}
check "and tells of it when the policy begins to hold what is forwarded" told_with_the_scopes
finish
