#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# A build whose names' addresses rotate: nothing it does is refused, and the gate does not grow.
# ROTATE_SECONDS (25, for each form), ROTATE_EVERY (1 second), FORMS; the long run of the report is ROTATE_SECONDS=1800 ROTATE_EVERY=20.
CERT_NAMES=$(printf '%s ' {r{0..9},h{0..2},t0}.rot.test)
DNS_MORE='server=/rot.test/198.18.2.57'
. "$(dirname "$0")/lib.sh"
bed
SECONDS_EACH=${ROTATE_SECONDS:-25} EVERY=${ROTATE_EVERY:-1}
ROTATE=$ROOT/tests/netns/rotate.py
h s ip addr add 198.18.2.57/24 dev s0
h s ip -6 route add local 2001:db8:4::/64 dev lo
h g ip -6 route add 2001:db8:4::/64 via 2001:db8:2::80
start "$T/rotate.serve" s "$PYTHON" "$ROTATE" serve 198.18.2.57 "$EVERY"
eventually 10 grep -q ready "$T/rotate.serve" || { cat "$T/rotate.serve" && exit 1; }

# The resident memory of the gate's processes together, in KiB.
memory() { ps -o rss= -p "$(pgrep --ns "${HOST[$GATE_HOST]}" --nslist net '^sluice' | paste -sd,)" | awk '{sum += $1} END {print sum + 0}'; }
build() {
    local got=0 before after sampler
    before=$(memory)
    while sleep $((SECONDS_EACH / 12 + 1)); do echo "$(date +%T) $(memory)" >> "$T/memory.$FORM"; done &
    sampler=$!
    client "$PYTHON" "$ROTATE" build "$CA" "$SECONDS_EACH" "$EVERY" > "$T/build.$FORM" || got=$?
    kill $sampler
    after=$(memory)
    echo "memory $before → $after KiB"
    cat "$T/build.$FORM"
    [ -z "${ROTATE_REPORT:-}" ] || cat "$T/build.$FORM" "$T/memory.$FORM" "$T/events" > "$ROTATE_REPORT.$FORM"
    [ $got = 0 ]
    # New flows and bindings lie in tables sized at start: their pages are touched once, nothing else grows.
    [ $((after - before)) -lt $((32768 * SLOW)) ]
}
allowed_are_told() { [ "$(jq -s 'map(select(.sluice.verdict == "allow")) | length' "$T/events")" -gt 5 ]; }
nothing_refused() {
    sleep 1
    if grep -F '"verdict":"deny"' "$T/events"; then die "refused"; fi
    [ "$(jq -s 'map(select(.sluice.verdict == "deny")) | length' "$T/events")" = 0 ]
    eventually 10 allowed_are_told
}

for form in ${FORMS:-output forward}; do
    FORM=$form
    policy "$T/policy.yaml" 'r{0..9}.rot.test' 'http://h{0..2}.rot.test' tcp://t0.rot.test:80
    gate_up "$form" "$T/policy.yaml"
    check "addresses rotate every $EVERY s for $SECONDS_EACH s: new, kept and stale connections work" build
    check "nothing of it was refused" nothing_refused
    gate_down
done
finish
