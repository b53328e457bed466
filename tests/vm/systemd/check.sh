#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2329
# check.sh [without] BOOT: the machine has booted with the shipped units enabled (or, as `without`, without them, to see that the talker
# is one).  What came out is kept from boot to boot: the second sees what left while the machine went down, too.
set -u
passed=0 failed=0
check() {
    local name=$1 out
    shift
    if out=$("$@" 2>&1); then passed=$((passed + 1)) && echo "ok   [systemd] $name"; else
        failed=$((failed + 1)) && echo "FAIL [systemd] $name" && printf '%s\n' "$out" | tail -n 15 | sed 's/^/     | /'
    fi
}
finish() { echo "$passed passed, $failed failed, 0 skipped"; }
eventually() { local i; for ((i = 0; i < $1 * 5; i++)); do "${@:2}" > /dev/null 2>&1 && return; sleep 0.2; done && "${@:2}"; }
# words WHICH: of IPv4 and IPv6, "allowed" in this boot, "forbidden" in all of them.
words() {
    local file files
    files=$(ls /var/lib/bed/out.*.pcap)
    case $1 in allowed*) files=$(ls -t /var/lib/bed/out.*.pcap | head -n 1) ;; esac
    for file in $files; do tcpdump -r "$file" -A udp 2> /dev/null | grep -aoE "$1[46]?-[0-9]+ " | sed "s|^|$file |"; done | sort -u | wc -l
}
count() { cat /run/talker-count; }
more_allowed() { [ "$(words allowed4)" -gt "$1" ] && [ "$(words allowed6)" -gt "$2" ]; }
held() {
    local four six
    four=$(words allowed4) six=$(words allowed6)
    eventually 15 more_allowed "$four" "$six" || { echo "what is allowed does not arrive: $four, $six" && return 1; }
    [ "$(words forbidden)" = 0 ] || { echo "$(words forbidden) forbidden words arrived" && return 1; }
}
state() { systemctl show -P "$1" sluice.service; }
is() { [ "$(state "$1")" = "$2" ] || { echo "$1 is $(state "$1"), not $2" && return 1; }; }
back() { is ActiveState active && is SubState running && sluice status > /dev/null; }

talks_without() {
    eventually 20 eval '[ "$(words forbidden4)" -gt 20 ] && [ "$(words forbidden6)" -gt 20 ]' && [ "$(words allowed4)" -gt 20 ] && [ "$(words allowed6)" -gt 20 ]
}
# The two transfers are the ones that they were before.
streams() { cat /run/talker-stream-4 /run/talker-stream-6; }
same_streams() { # as BEFORE, and more came
    local now
    now=$(streams)
    paste <(echo "$1") <(echo "$now") | awk '$1 != $3 || $4 <= $2 {bad = 1} END {exit bad || NR != 2}' || { echo "the transfers were $1, and are $now" && return 1; }
}
going_on() { # COMMAND...: what an operator does, in the middle of the transfers
    local before
    before=$(streams)
    "$@" && eventually 15 same_streams "$before"
}
booted() {
    is ActiveState active
    # The talker was there before the network was, and before the gate was ready.
    echo "talker $(cat /run/talker-began), network $(cat /run/network-up), gate $(state ActiveEnterTimestampMonotonic)"
    awk -v t="$(cat /run/talker-began)" -v n="$(cat /run/network-up)" 'BEGIN {exit !(t < n)}' || return 1
    [ "$(count)" -gt 10 ] && held
}
told() {
    sluice status | grep -q 'scope *talker' && [ "$(stat -c %a /var/log/sluice/events.json)" = 600 ] &&
        jq -e 'select(.event.reason == "ADDRESS_UNBOUND" or .sluice.verdict == "deny") | .sluice.scope == "talker" and .process.executable != null' < /var/log/sluice/events.json | grep -q true
}
counted() { grep -qx 1 /proc/sys/net/netfilter/nf_conntrack_acct; }
killed_whole() {
    local i
    for i in 1 2 3; do
        systemctl kill -s KILL sluice.service
        eventually 20 back || { journalctl -u sluice -n 20 --no-pager && return 1; }
        [ "$(state NRestarts)" -ge "$i" ] || return 1
    done
    held
}
restarted() {
    systemctl restart sluice.service && back && held
}
upgraded() { # another release in its place, while the talker talks
    [ "$(sluice status --json | jq -r .release)" != "$1" ] || return 1
    cp /usr/local/bin/sluice /usr/local/bin/sluice.old
    tests/other-release /usr/local/bin/sluice.old /usr/local/bin/sluice.new && mv /usr/local/bin/sluice.new /usr/local/bin/sluice || return 1
    systemctl restart sluice.service && back && held && is MainPID "$(pgrep -o -x sluice)" || return 1
    [ "$(sluice status --json | jq -r .release)" = "$1" ]
}
downgraded() {
    mv /usr/local/bin/sluice.old /usr/local/bin/sluice && systemctl restart sluice.service && back && held
}
reloads() {
    local got=0
    systemctl reload sluice.service || return 1
    cp /etc/sluice/policy.yaml /etc/sluice/good
    echo 'scopes: 7' > /etc/sluice/policy.yaml
    systemctl reload sluice.service 2> /dev/null || got=$?
    cp /etc/sluice/good /etc/sluice/policy.yaml
    [ $got != 0 ] || { echo "a wrong policy reloads without an error" && return 1; }
    back && held
}
hangs() {
    local pid
    pid=$(pgrep -x sluice-inspect)
    kill -STOP "$pid"
    eventually 90 eval "! kill -0 $pid"
    eventually 20 back && held
}
stopped() { # closed, though nobody is there
    systemctl stop sluice.service
    is ActiveState inactive || return 1
    sleep 2
    [ "$(words forbidden)" = 0 ] || { echo "$(words forbidden) forbidden words arrived" && return 1; }
}
activated() { # its socket starts it
    eventually 30 sluice status
    eventually 20 back && held
}
exposure() {
    systemd-analyze security sluice.service | tail -n 1
    systemd-analyze security --threshold=30 sluice.service > /dev/null
}
down() {
    sluice down && eventually 10 is ActiveState inactive && eventually 20 eval '[ "$(words forbidden)" -gt 0 ]'
}

if [ "${1:-}" = without ]; then
    check "without the gate, what it would refuse arrives" talks_without
    finish
    exit
fi
eventually 30 back
case $1 in
1)
    check "at boot nothing leaves before the gate, and what is allowed passes" booted
    check "refusals are told, with the process" eventually 20 told
    check "connections' bytes are counted though the unit cannot write /proc/sys" counted
    eventually 20 streams > /dev/null
    check "killed whole, three times: back, transfers go on, and nothing leaves meanwhile" going_on killed_whole
    check "restarted: the same" going_on restarted
    check "another release in its place: the same" going_on upgraded 9.9.9
    check "the first one again: the same" going_on downgraded
    check "systemctl reload is an apply, and fails with a wrong policy" going_on reloads
    check "an inspector that hangs is replaced" hangs
    ;;
*)
    check "booted again: nothing left while the machine went down and came up" booted
    check "refusals are told, with the process" eventually 20 told
    check "stopped: closed" going_on stopped
    check "the next question starts it" activated # the manager kept nothing for it: what was open ends
    check "systemd-analyze security: at most 3.0" exposure
    check "sluice down opens, and it stays down" down
    ;;
esac
finish
