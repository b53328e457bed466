#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# sluice import: each sample becomes the policy that is expected, which `sluice check` accepts; each wrong file is refused
# with status 2, its place and what to write.
#
#     SLUICE=build/sluice tests/policy/check_import.sh [--write]     (--write: what is printed now becomes what is expected)
#
# import/FORMAT/NAME is a sample; import/expected/FORMAT-NAME what is printed of it, from the facts on.  import/bad/FORMAT-NAME
# is wrong; its .expected holds "line:column" and a phrase of the message.
set -u
here=$(cd "$(dirname "$0")" && pwd)
sluice=$(realpath "${SLUICE:-$here/../../build/sluice}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$here/import" || exit 1
failed=0 count=0

fail() { # NAME WHAT [FILE]
    echo "not ok: $1: $2"
    [ -z "${3:-}" ] || sed 's/^/    /' "$3" | cut -c 1-300 | head -n 12
    failed=1
}
run() { timeout 20 "$sluice" import "$@" > "$work/out" 2> "$work/err"; }

for format in bullfrog harden-runner cijail; do
    for sample in "$format"/*; do
        name=$format-$(basename "$sample")
        count=$((count + 1))
        run "$format" "$sample" || { fail "$name" "status $?" "$work/err" && continue; }
        timeout 20 "$sluice" check "$work/out" > "$work/check" 2>&1 || fail "$name" "check refuses it" "$work/check"
        awk '/^# (Not carried over|Carried over)|^version:/ {on = 1} on' "$work/out" > "$work/facts"
        [ "${1:-}" != --write ] || cp "$work/facts" "expected/$name"
        diff -u "expected/$name" "$work/facts" > "$work/diff" || fail "$name" "another policy than expected" "$work/diff"
        grep -q 'not-to-be-shown' "$work/out" "$work/err" && fail "$name" "a secret is shown"
        # The same by standard input, and with a cgroup: a scope for every profile.
        run --cgroup /ci.slice "$format" - < "$sample" || fail "$name" "by standard input: status $?" "$work/err"
        timeout 20 "$sluice" check --json "$work/out" > "$work/check" || fail "$name" "with --cgroup, check refuses it"
        jq -e '(.scopes | length) == (.profiles | length) and all(.scopes[]; .match[0].cgroup | startswith("/ci.slice"))' \
            "$work/check" > /dev/null || fail "$name" "--cgroup: not a scope for each profile" "$work/check"
        cp "$work/out" "$work/policy"
        # --json: as many entries as the policy has.
        run --json "$format" "$sample" || fail "$name" "--json: status $?" "$work/err"
        jq -e --slurpfile check "$work/check" '
            ([.profiles[].allow[].entry] | unique | length) <= $check[0].entries and (.profiles | length) == ($check[0].profiles | length)
            and all(.profiles[].allow[], .not_carried_over[], .changed[]; .line > 0 and .column > 0)' "$work/out" > /dev/null ||
            fail "$name" "--json says something else" "$work/out"
    done
done
[ "$count" -ge 13 ] || fail samples "only $count"

# What the entries mean, asked of the policies: PROFILE, ENDPOINT, the verdict.
asks() { # FORMAT SAMPLE, lines on standard input
    run "$1" "$1/$2" || fail "$1-$2" "status $?"
    cp "$work/out" "$work/policy.yaml"
    while read -r profile endpoint verdict; do
        timeout 20 "$sluice" explain "$work/policy.yaml" --profile "$profile" "$endpoint" > "$work/said" 2>&1
        [ "$(awk 'NR == 1 {print $1}' "$work/said")" = "$verdict" ] || fail "$1-$2" "$profile, $endpoint: not $verdict" "$work/said"
        count=$((count + 1))
    done
}
asks bullfrog workflow.yml << 'ROWS'
build a.b.docker.example allow
build docker.example allow
build http://docker.example allow
build evil-docker.example deny
build tcp://docker.example:22 deny
build tcp://docker.example:443 deny
build evilregistry.example deny
build glb-1.example.org deny
build stranger.github.io deny
build 10.200.1.1:9999 allow
build 192.0.2.8:80 deny
empty test.example deny
ROWS
asks harden-runner workflow.yml << 'ROWS'
folded a.b.data.registry.example allow
folded data.registry.example deny
folded http://a.data.registry.example deny
folded vcs.example allow
folded tcp://git.example:22 allow
folded git.example deny
folded 203.0.113.9:443 allow
folded 203.0.113.9:80 deny
literal two.example allow
implicit one.example deny
ROWS
asks cijail env << 'ROWS'
imported index.example allow
imported index.example.evil.test deny
imported http://index.example deny
imported dns://one.example allow
imported one.example deny
imported dns://a.b.two.example allow
imported a.two.example deny
imported udp://time.example:123 allow
imported udp://192.0.2.53:53 deny
ROWS

for expected in bad/*.expected; do
    file=${expected%.expected} format=
    for f in bullfrog harden-runner cijail; do [[ $(basename "$file") != $f-* ]] || format=$f; done
    { IFS= read -r place && IFS= read -r phrase; } < "$expected"
    count=$((count + 1))
    run "$format" "$file"
    status=$?
    [ $status = 2 ] || fail "$file" "status $status, not 2" "$work/err"
    [ ! -s "$work/out" ] || fail "$file" "something on standard output" "$work/out"
    head -n 1 "$work/err" | grep -qF -- "$(basename "$file"):$place: " || fail "$file" "the place is not $place" "$work/err"
    head -n 1 "$work/err" | grep -qF -- "$phrase" || fail "$file" "the message does not say: $phrase" "$work/err"
done

# Files that were made to cost time: each is read or refused within the time limit.
head -c 1100000 /dev/zero | tr '\0' 'a' > "$work/large"
run cijail "$work/large" && fail large "a file over 1 MiB is read"
grep -q 'larger than 1 MiB' "$work/err" || fail large "no word of its size" "$work/err"
python3 - "$work" << 'PYTHON'
import sys
w = sys.argv[1]
open(w + "/cijail-1", "w").write("CIJAIL_X " * 110000)
open(w + "/cijail-2", "w").write("CIJAIL_ENDPOINTS=a.example:1 " * 250)
open(w + "/cijail-3", "w").write(" " * 500000 + "#" + "CIJAIL_A=1 " * 45000)
open(w + "/cijail-4", "w").write("a.example:1\n" * 87000)
open(w + "/bullfrog-1", "w").write("- " + "-allowed-domains" * 60000)
open(w + "/bullfrog-2", "w").write("jobs:\n  j:\n    steps:\n" + "      - uses: bullfrogsec/bullfrog@v0\n" * 20000)
open(w + "/harden-runner-1", "w").write(
    "- uses: step-security/harden-runner@v2\n  with:\n    allowed-endpoints: " + '"' + "\\x61.example:1 " * 19000 + '"\n')
open(w + "/harden-runner-2", "w").write(
    "- uses: step-security/harden-runner@v2\n  with:\n    allowed-endpoints: " + " ".join("*.n%d.example" % i for i in range(19999)) + "\n")
open(w + "/harden-runner-4", "w").write("a: &a {" + ", ".join("k%d: v" % i for i in range(9999)) + "}\nb: [" + "*a , " * 180000 + "]\n")
open(w + "/harden-runner-3", "w").write("a: &a [x, x]\n" + "".join("b%d: &b%d [*a, *a]\n" % (i, i) for i in range(200)))
PYTHON
for file in "$work"/cijail-? "$work"/bullfrog-? "$work"/harden-runner-?; do
    format=$(basename "$file")
    count=$((count + 1))
    run "${format%-?}" "$file"
    status=$?
    [ $status = 0 ] || [ $status = 2 ] || fail "$format" "status $status" "$work/err"
done
echo "$count imports, $([ $failed = 0 ] && echo "all as expected" || echo "some not")"
exit $failed
