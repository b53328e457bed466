#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2154
# Every policy that the documentation shows passes `sluice check`, and every key that a policy knows is in docs/policy.md.
#
#     SLUICE=build/sluice tests/policy/check_docs.sh
. "$(dirname "$0")/lib.sh"

for page in docs/policy.md README.md deploy/README.md; do
    awk -v to="$work/$(echo "$page" | tr / -)" '
        /^```yaml$/ {n++; inside = 1; first = NR; next}
        /^```$/ {inside = 0}
        inside {print > (to "." n ".line" first ".yaml")}' "$root/$page"
    for policy in "$work/$(echo "$page" | tr / -)".*.yaml; do
        [ -e "$policy" ] || { echo "not ok: no policy in $page" && failed=1 && continue; }
        count=$((count + 1))
        timeout 20 "$sluice" check "$policy" >"$work/out" 2>&1 && continue
        echo "not ok: $page, $(basename "$policy" .yaml)"
        sed 's/^/    /' "$work/out"
        failed=1
    done
done

timeout 20 "$sluice" check "$root/deploy/policy.yaml" > "$work/out" 2>&1 || { echo "not ok: deploy/policy.yaml" && cat "$work/out" && failed=1; }

# The keys, as the messages about an unknown one list them.
keys() { # PLACE_OF_THE_KEY POLICY
    local known
    printf '%s\n' "$2" >"$work/keys.yaml"
    known=$(timeout 20 "$sluice" check "$work/keys.yaml" 2>&1 | sed -n '1s/.*unknown key "plugins"; [a-z ]* has: //p')
    [ -n "$known" ] || { echo "not ok: no list of keys in $1" && failed=1; }
    for key in ${known//,/}; do
        grep -q "^| \`$1$key\`" "$root/docs/policy.md" && continue
        echo "not ok: docs/policy.md has no row for $1$key"
        failed=1
    done
}
keys '' 'version: 1
plugins: 1'
keys '' 'version: 1
profiles: { p: { plugins: 1 } }'
keys 'dns.budget.' 'version: 1
profiles: { p: { dns: { budget: { plugins: 1 } } } }'
keys '' 'version: 1
profiles: { p: {} }
scopes: [{ plugins: 1 }]'
keys 'match.' 'version: 1
profiles: { p: {} }
scopes: [{ name: s, match: { plugins: 1 }, profile: p }]'

echo "$count policies of the documentation, $([ $failed = 0 ] && echo "all good" || echo "some not")"
[ "$count" -ge 9 ] || failed=1
exit $failed
