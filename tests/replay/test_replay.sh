#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# sluice replay over recorded traffic: a session of curl and dig, recorded by tcpdump in the test bed (ethernet.pcap, and
# the same session on the cooked device).  Every link layer must give the same events.  No root, no kernel.
set -u
here=$(cd "$(dirname "$0")" && pwd)
SLUICE=${SLUICE:-$here/../../build/sluice}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

ok() { passed=$((passed + 1)) && echo "ok   $1"; }
fail() {
    failed=$((failed + 1))
    echo "FAIL $1"
    sed 's/^/     | /' "$work/why" | head -n 40
}
# What an event is about, one line each.
facts() {
    jq -r '[.event.action, .sluice.verdict, .event.reason, .sluice.scope // "-",
        .dns.question.name // .tls.client.server_name // .url.domain // .destination.ip, .dns.question.type // "-",
        .url.path // "-", ([.dns.answers[]?.data] | join(","))] | join(" ")'
}
same() { diff -u "$1" "$2" > "$work/why" && ok "$3" || fail "$3"; }
# replay STATUS ARGUMENT...: the facts, and the exit status as it must be.
replay() {
    local want=$1 got=0
    shift
    "$SLUICE" replay --json "$@" > "$work/out" 2> "$work/err" || got=$?
    facts < "$work/out"
    [ "$got" = "$want" ] || echo "status $got, not $want: $(cat "$work/err")"
}

for form in ethernet cooked vlan qinq raw null pcapng; do
    case $form in
    ethernet | cooked) file=$here/$form.pcap ;;
    *) file=$work/$form.pcap && /usr/bin/python3 "$here/convert.py" "$here/ethernet.pcap" "$file" $form ;;
    esac
    replay 0 "$file" > "$work/observed"
    same "$here/observed.expected" "$work/observed" "$form, observed"
    replay 1 -p "$here/policy.yaml" "$file" > "$work/judged"
    same "$here/judged.expected" "$work/judged" "$form, judged by a policy"
done

# Bad input: a message, status 2, nothing else.
printf 'no recording at all' > "$work/text"
: > "$work/empty"
/usr/bin/python3 "$here/convert.py" "$here/ethernet.pcap" "$work/cut" cut:1000
for file in "$work/text" "$work/empty" "$work/cut" "$work/absent"; do
    got=0
    "$SLUICE" replay "$file" > "$work/why" 2>&1 || got=$?
    if [ $got = 2 ] && grep -q "sluice: .*${file##*/}" "$work/why"; then ok "${file##*/} is refused"; else fail "${file##*/} is refused"; fi
done

# Each byte of a recording turned over: no crash, whatever it says.
bad=0
size=$(stat -c %s "$here/ethernet.pcap")
for ((at = 24; at < size; at += 97)); do
    cp "$here/ethernet.pcap" "$work/mutant"
    printf '\xff' | dd of="$work/mutant" bs=1 seek=$at conv=notrunc 2> /dev/null
    "$SLUICE" replay -p "$here/policy.yaml" "$work/mutant" > /dev/null 2> "$work/why"
    [ $? -le 2 ] || bad=$((bad + 1))
done
if [ $bad = 0 ]; then ok "mutated recordings do not end it"; else fail "mutated recordings do not end it ($bad)"; fi

echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
