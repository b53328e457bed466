#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2154
# Every wrong policy is refused with status 2, its place (line:column), its message and no more than that: no output, no
# crash, within 20 seconds.
#
#     SLUICE=build/sluice tests/policy/check_bad.sh
#
# bad/NAME.yaml is a policy, bad/NAME.sh prints one, bad/NAME/ is one with a policy.d.  bad/NAME.expected holds two
# lines: "line:column" (or "file:line:column"), and a phrase of the message.
. "$(dirname "$0")/lib.sh"

fail() {
    echo "not ok: $1: $2"
    sed 's/^/    /' "$work/stderr" | cut -c1-300 | head -5
    failed=1
}

check() { # NAME FILE
    local place phrase status
    { IFS= read -r place && IFS= read -r phrase; } <"$here/bad/$1.expected"
    case $place in
    *[a-z]*) ;;
    *) place=$(basename "$2"):$place ;;
    esac
    timeout 20 "$sluice" check "$2" >"$work/stdout" 2>"$work/stderr"
    status=$?
    count=$((count + 1))
    if [ $status -ne 2 ]; then
        fail "$1" "status $status, not 2"
    elif [ -s "$work/stdout" ]; then
        fail "$1" "something on standard output"
    elif ! head -1 "$work/stderr" | grep -qF -- "$place: "; then
        fail "$1" "the place is not $place"
    elif ! head -1 "$work/stderr" | grep -qF -- "$phrase"; then
        fail "$1" "the message does not say: $phrase"
    elif LC_ALL=C grep -q '[[:cntrl:]]' <(tr -d '\n\t' <"$work/stderr"); then
        fail "$1" "control bytes in the message"
    fi
}

for expected in "$here"/bad/*.expected; do
    name=$(basename "$expected" .expected)
    if [ -d "$here/bad/$name" ]; then
        check "$name" "$here/bad/$name/policy.yaml"
    elif [ -f "$here/bad/$name.sh" ]; then
        sh "$here/bad/$name.sh" >"$work/$name.yaml"
        check "$name" "$work/$name.yaml"
    else
        check "$name" "$here/bad/$name.yaml"
    fi
done
echo "$count wrong policies, $([ $failed = 0 ] && echo "all refused as they should be" || echo "some not as they should be")"
exit $failed
