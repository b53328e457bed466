#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# Root of the same host changes our rules: each chain, rule, set, map and element, by hand.  The kernel refuses it, for the table is
# owned; what gets around that is put right within two seconds and told; what was changed while no gate ran is gone with the next.
. "$(dirname "$0")/lib.sh"
bed

nft_() { h "$GATE_HOST" nft "$@"; }
# All but what counts.
table() { nft_ list table inet sluice | sed -E 's/packets [0-9]+ bytes [0-9]+//; s/# progname.*//'; }
# The same in the next gate: other generations of sets, other ports of the relay.
alike() { table | sed -E 's/v[0-9]+_/v_/g; s/[0-9]+ \}$/PORT }/' | sort; }
direct() { client curl -s --max-time 20 "http://198.18.3.66/$1"; }
datagram() { client bash -c "echo $1 > /dev/udp/198.18.3.66/9999"; }
works() { fetch https://allowed.test/hello | grep -q hello; }

# Every way to change what is there, one a line.
ways() {
    local json=$T/ruleset.json
    nft_ -j -a list table inet sluice > "$json"
    echo 'flush ruleset'
    echo 'flush ruleset inet'
    echo 'delete table inet sluice'
    echo 'flush table inet sluice'
    echo 'add table inet sluice { flags dormant; }'
    echo 'add chain inet sluice hole { type filter hook output priority -400; policy accept; }'
    jq -r '.nftables[].chain // empty | "flush chain inet sluice \(.name)", "delete chain inet sluice \(.name)", "rename chain inet sluice \(.name) gone",
        "insert rule inet sluice \(.name) accept"' "$json"
    jq -r '.nftables[].chain // empty | select(.policy != null) | "chain inet sluice \(.name) { policy accept; }"' "$json"
    jq -r '.nftables[].rule // empty | "delete rule inet sluice \(.chain) handle \(.handle)", "replace rule inet sluice \(.chain) handle \(.handle) accept"' "$json"
    jq -r '.nftables[] | (.set // empty | "set \(.name)"), (.map // empty | "map \(.name)")' "$json" | while read -r kind name; do
        echo "flush $kind inet sluice $name"
        echo "delete $kind inet sluice $name"
    done
    jq -r '.nftables[].counter // empty | "delete counter inet sluice \(.name)"' "$json"
    # Elements, as nft itself writes them.
    nft_ list table inet sluice | awk '
        $1 == "set" || $1 == "map" {name = $2}
        /elements = \{/ {sub(/.*elements = \{ */, ""); inside = 1}
        inside {one = $0; last = sub(/ *\}.*/, "", one); n = split(one, part, /, */)
            for (i = 1; i <= n; i++) {gsub(/^[ \t]+|[ \t]+$/, "", part[i]); if (part[i] != "") print "delete element inet sluice " name " { " part[i] " }"}
            if (last) inside = 0}'
}
by_hand() {
    local before way n=0 elements=0
    before=$(table)
    ways > "$T/ways"
    while IFS= read -r way <&3; do
        nft_ "$way" > "$T/nft.out" 2>&1 || :
        n=$((n + 1))
        [ "$(table)" = "$before" ] || die "changed by: nft $way: $(diff <(echo "$before") <(table) | head -n 5)"
        case $way in *element*) ! grep -q 'Operation not permitted' "$T/nft.out" || elements=$((elements + 1)) ;; esac
    done 3< <(awk 'NR % every == 0 || /element|flush|table/' every="$EVERY" "$T/ways")
    echo "$n ways, $elements of them elements"
    [ $n -gt 30 ] && [ $elements -ge 2 ] # of a cgroup's, nft's command line cannot say the key
    attack_refused 'not_resolved|udp_not_allowed' 198.18.3.66 datagram
    attack_refused not_resolved 198.18.3.66 direct
    works
}
# What the rules count is told once, whoever sets the counters back.
counters_reset() {
    local before after
    before=$(h "$GATE_HOST" "$SLUICE" status --json | jq '.counts | .forged_source + .unproven + .neighbour_routed')
    nft_ reset counters table inet sluice > /dev/null
    sleep 2
    after=$(h "$GATE_HOST" "$SLUICE" status --json | jq '.counts | .forged_source + .unproven + .neighbour_routed')
    [ "$before" = "$after" ] || die "$before, then $after"
}
gone_by_its_owner() {
    local from kept
    from=$(wc -l < "$T/events")
    rm -f "$T/kept"
    fetch --limit-rate 8m -o "$T/kept" https://allowed.test/slow 2> "$T/kept.err" &
    kept=$!
    eventually 10 test -s "$T/kept"
    "$PYTHON" "$ROOT/tests/netns/tamper.py" "$(role_pid keeper)" sluice || skip "the owning socket cannot be taken"
    eventually 2 said "$from" rules_restored gate
    nft_ list table inet sluice > /dev/null
    table | grep -q 'flags owner'
    attack_refused 'not_resolved|udp_not_allowed' 198.18.3.66 datagram
    works
    wait $kept || die "the open transfer was cut: $(cat "$T/kept.err")"
}
all_killed() {
    # shellcheck disable=SC2046
    kill -KILL $(pgrep --ns "${HOST[$GATE_HOST]}" --nslist net '^sluice') 2> /dev/null
    ! pgrep --ns "${HOST[$GATE_HOST]}" --nslist net '^sluice' > /dev/null
}
# All processes gone, the orphaned table changed by hand: the next gate makes it whole.
between_two_gates() {
    local before
    nft_ -j -a list table inet sluice > "$T/ruleset.json"
    before=$(alike)
    eventually 10 all_killed # one may just have started another
    nft_ list table inet sluice > /dev/null 2>&1 || skip "this kernel has no persistent tables (Linux 6.9)"
    jq -r '.nftables[] | (.set // empty | "flush set inet sluice \(.name)"), (.map // empty | "flush map inet sluice \(.name)")' "$T/ruleset.json" > "$T/flush"
    while IFS= read -r way; do nft_ "$way" < /dev/null || :; done < "$T/flush"
    nft_ add chain inet sluice hole '{ type filter hook output priority -400; policy accept; }'
    nft_ add rule inet sluice hole accept
    nft_ add set inet sluice hole_set '{ type ipv4_addr; }'
    for chain in $(jq -r '.nftables[].chain // empty | select(.hook != null) | .name' "$T/ruleset.json"); do nft_ insert rule inet sluice "$chain" accept; done
    start "$T/gate.log" $GATE_HOST "$SLUICE" gate -c "$T/policy.yaml" --events "$T/events"
    eventually 30 grep -q 'gate ready' "$T/gate.log"
    [ "$(alike)" = "$before" ] || die "$(diff <(echo "$before") <(alike) | head -n 10)"
    attack_refused 'not_resolved|udp_not_allowed' 198.18.3.66 datagram
    works
}

for name in direct datagram; do check "without the gate $name reaches the attacker" attack_reaches $name; done
for form in output forward; do
    FORM=$form EVERY=1
    [ "$SLOW" = 1 ] || EVERY=7
    policy "$T/policy.yaml" "${ALLOW[@]}"
    gate_up $form "$T/policy.yaml"
    works || t_fail "a fetch"
    check "chains, rules, sets, maps and elements changed by hand" by_hand
    check "counters set back" counters_reset
    check "the table removed through its owner's socket: restored and told" gone_by_its_owner
    check "changed while no gate ran: the next one makes it whole" between_two_gates
    GATE=$(role_pid launcher)
    gate_down
done
finish
