#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2154
# What `sluice events` and `sluice suggest` say of an events file, here of recorded traffic; and that suggested entries suffice.
#
#     SLUICE=build/sluice tests/policy/check_events.sh
. "$(dirname "$0")/lib.sh"
passed=0
cd "$root/tests/replay" || exit 1
"$sluice" replay --json -p policy.yaml ethernet.pcap > "$work/events.json"

# check NAME STATUS REGEX|!REGEX COMMAND...: its status, and what its output has or has not.
check() {
    local name=$1 want=$2 phrase=$3 status=0 good=1
    shift 3
    "$@" > "$work/out" 2>&1 || status=$?
    if [ "${phrase#!}" != "$phrase" ]; then ! grep -Eq -- "${phrase#!}" "$work/out" || good=0; elif [ -n "$phrase" ]; then grep -Eq -- "$phrase" "$work/out" || good=0; fi
    if [ "$status" = "$want" ] && [ $good = 1 ]; then passed=$((passed + 1)) && echo "ok   $name"; else
        failed=$((failed + 1)) && echo "FAIL $name: status $status, not $want, or '$phrase'" && head -20 "$work/out" | sed 's/^/     | /'
    fi
}
lines() { [ "$("$sluice" events "${@:2}" "$work/events.json" | wc -l)" = "$1" ]; }
count() { grep -c "\"verdict\":\"$1\"" "$work/events.json"; }

check "a line for each event" 0 '' lines "$(wc -l < "$work/events.json")"
check "when, which scope, what, why" 0 '^20..-..-..T..:..:..Z  lab +  deny +dns +cdn\.test A .*not in allowlist' "$sluice" events "$work/events.json"
check "of one verdict" 0 '' lines "$(count deny)" --verdict deny
check "of two" 0 '' lines $(($(count deny) + $(count ignored))) --verdict deny,ignored
check "of a verdict that is none" 2 "takes allow, deny" "$sluice" events --verdict no "$work/events.json"
check "of a scope" 0 '' lines 0 --scope other
check "of a scope that no event is of" 0 '^sluice: no event there is of scope "other"$' "$sluice" events --scope other "$work/events.json"
check "of one that some are of" 0 '!no event there' "$sluice" events --scope lab "$work/events.json"
check "as they are" 0 '' cmp <("$sluice" events --json "$work/events.json") "$work/events.json"
check "from standard input" 0 'cdn\.test' sh -c '"$1" events - < "$2"' sh "$sluice" "$work/events.json"
check "no such file" 2 'cannot open' "$sluice" events "$work/none"
check "what was typed drives no terminal" 2 '/none\\x1b\[31m' "$sluice" events "$work/none"$'\e[31m'
check "two files" 2 'takes one file' "$sluice" events a b
printf 'hello\n{}\n' > "$work/other"
check "lines that are no events are counted" 0 '2 lines are no events' "$sluice" events "$work/other"

# Followed over a line that comes in two pieces, and over another file in its place.
: > "$work/live"
"$sluice" events -f --json "$work/live" > "$work/followed" &
follower=$!
head -1 "$work/events.json" > "$work/first"
seen() { local _; for _ in $(seq 100); do [ "$(wc -l < "$work/followed")" -ge "$1" ] && return; sleep 0.1; done; return 1; }
head -c 30 "$work/first" >> "$work/live"
sleep 0.5
tail -c +31 "$work/first" >> "$work/live"
check "a line that comes in pieces" 0 '' seen 1
mv "$work/live" "$work/live.1"
cp "$work/events.json" "$work/live"
check "another file in its place" 0 '' seen $(($(wc -l < "$work/events.json") + 1))
kill $follower
wait $follower 2> /dev/null
check "whole lines, each once" 0 '' cmp "$work/followed" <(cat "$work/first" "$work/events.json")

check "suggest: the scope" 0 '^# scope lab: [0-9]+ refusals' "$sluice" suggest "$work/events.json"
check "suggest: an entry" 0 '^      - cdn\.test +# [0-9]+ times' "$sluice" suggest "$work/events.json"
check "suggest: not what is allowed" 0 '!- allowed\.test' "$sluice" suggest "$work/events.json"
check "suggest: another scope" 0 '^# nothing was refused' "$sluice" suggest --scope other "$work/events.json"
check "suggest: that no event is of it" 0 '^sluice: no event there is of scope "other"$' "$sluice" suggest --scope other "$work/events.json"
check "a recording that cannot be opened is named once" 2 '^sluice: /nope: No such file' "$sluice" replay /nope
check "suggest --json" 0 '^"cdn.test"$' sh -c '"$1" suggest --json "$2" | jq ".allow[]"' sh "$sluice" "$work/events.json"
check "suggest: no such file" 2 'cannot open' "$sluice" suggest "$work/none"
# Put where the header says, nothing that was suggested is refused any more.
{
    printf 'version: 1\nprofiles:\n  p:\n    allow:\n      - allowed.test\n'
    "$sluice" suggest "$work/events.json"
    sed -n '/^scopes:/,$p' policy.yaml
} > "$work/suggested.yaml"
check "suggest: a policy with the lines in it" 0 '' "$sluice" check "$work/suggested.yaml"
check "suggest: it allows them" 0 'allow' "$sluice" explain "$work/suggested.yaml" --scope lab https://cdn.test/
# The same, refused in a phase: lines of the phase.
jq -c '.sluice.phase = "build"' "$work/events.json" > "$work/phase.json"
check "suggest: of a phase" 0 "^# scope lab, phase build: [0-9]+ refusals; under allow: of its profile's phase" "$sluice" suggest "$work/phase.json"
check "suggest: no --allow in a phase" 0 '^\["build",0\]$' sh -c '"$1" suggest --json "$2" | jq -c "[.phase, (.allow | length)]"' sh "$sluice" "$work/phase.json"
{
    printf 'version: 1\nprofiles:\n  p:\n    phases:\n      build:\n        allow:\n'
    "$sluice" suggest "$work/phase.json"
    sed -n '/^scopes:/,$p' policy.yaml
} > "$work/phase.yaml"
check "suggest: a phase with the lines in it" 0 'allow' "$sluice" explain "$work/phase.yaml" --scope lab --phase build https://cdn.test/
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
