#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2154
# What `sluice explain` says, and its exit status.
#
#     SLUICE=build/sluice tests/policy/check_explain.sh
. "$(dirname "$0")/lib.sh"
passed=0

# check STATUS REGEX|!REGEX ARGUMENT...: the last explain's status, and what its output has or has not.
check() {
    local want=$1 phrase=$2 status good
    shift 2
    timeout 20 "$sluice" explain "$@" >"$work/out" 2>&1
    status=$?
    good=$([ $status = "$want" ] && echo yes)
    if [ "${phrase#!}" != "$phrase" ]; then
        grep -qE -- "${phrase#!}" "$work/out" && good=
    else
        grep -qE -- "$phrase" "$work/out" || good=
    fi
    if [ -n "$good" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "not ok: explain $*: status $status, wanted $want and $phrase"
        sed 's/^/    /' "$work/out"
    fi
}

one=$work/one.yaml two=$work/two.yaml scoped=$work/scoped.yaml
printf 'version: 1\nprofiles: { node: { allow: [a.example] } }\n' >"$one"
printf 'version: 1\nprofiles: { x: { allow: [a.example] }, y: { allow: [b.example] } }\n' >"$two"
printf 'version: 1\nprofiles: { p: { allow: ["proxy://mirror.example:3128", "http://mirror.example", a.example, "in.example@10.0.0.0/8"] }, q: {} }
scopes: [{ name: s, match: { cgroup: /a }, profile: p }]\n' >"$scoped"

check 0 '^allow +a\.example' "$one" a.example
check 2 'say which profile by --profile; it has: x y' "$two" a.example
check 1 '^deny +a\.example' --profile y "$two" a.example
check 0 '^allow +b\.example' --profile y "$two" b.example
check 2 'no profile "z"; it has: x y' --profile z "$two" a.example
check 2 'not both' --profile p --scope s "$scoped" a.example
check 0 '^allow' "$scoped" a.example
check 1 '^deny' --profile q "$scoped" a.example
# One that is wrong does not hide those behind it.
check 2 '^allow +a\.example' "$scoped" 'no host!' a.example
check 2 'endpoint 1, column' "$scoped" 'no host!' a.example
check 2 '"endpoint":"a\.example"' --json "$scoped" 'no host!' a.example
# What the policy calls a proxy is nothing else.
check 0 '^allow +http://mirror\.example ' "$scoped" http://mirror.example
check 1 'asked of a proxy: .*rule: proxy://mirror\.example:3128' "$scoped" http://mirror.example:3128
check 1 '!to allow' "$scoped" http://mirror.example:3128
check 1 'else than HTTP.*rule: proxy://mirror\.example:3128' "$scoped" tls://mirror.example:3128
check 0 '^allow +proxy://' "$scoped" proxy://mirror.example:3128
# A private address is offered by nobody.
check 1 'to allow: profiles: \{ p: \{ allow: \[new\.example\] \} \}$' "$scoped" new.example
check 1 'to allow: --allow new\.example$' --profile p "$scoped" new.example
check 1 '!to allow' "$scoped" new.example@10.0.0.5
check 1 '!to allow' "$scoped" new.example@127.0.0.1
check 1 'name@range would permit' "$scoped" a.example@10.0.0.5
check 0 '^allow' "$scoped" in.example@10.0.0.5
# In a phase: what it allows, what the profile denies, and no --allow.
phased=$work/phased.yaml
printf 'version: 1\nprofiles: { node: { allow: [a.example], deny: [c.example], phases: { build: { allow: [b.example, c.example] } } } }\n' >"$phased"
check 0 '^allow +a\.example' "$phased" a.example
check 1 '^deny +a\.example' --phase build "$phased" a.example
check 1 'to allow: phases: \{ build: \{ allow: \[a\.example\] \} \}$' --phase build "$phased" a.example
check 1 "allow: \['tcp://a\.example:22'\]" --phase build "$phased" tcp://a.example:22
check 1 '!--allow' --phase build "$phased" a.example
check 0 '^allow +b\.example' --phase build "$phased" b.example
check 1 '^deny +c\.example' --phase build "$phased" c.example
check 2 'the profile "node" has no phase "test"' --phase test "$phased" a.example
check 2 'no profile "z"; it has: node$' --profile z "$phased" a.example
{ cat "$phased" && echo 'scopes: [{ name: s, match: { cgroup: /a }, profile: node }]'; } >"$phased.scoped"
check 1 '^deny +a\.example' --phase build "$phased.scoped" a.example
check 0 '^allow +b\.example' --scope s --phase build "$phased.scoped" b.example

echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
