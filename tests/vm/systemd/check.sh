#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2329
# The machine has booted with the shipped units enabled (or, as `without`, without them, to see that the talker is one).
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
words() { tcpdump -r /run/out.pcap -A udp 2> /dev/null | grep -aoE "$1-[0-9]+ " | sort -u | wc -l; }
count() { cat /run/talker-count; }
more_allowed() { [ "$(words allowed)" -gt "$1" ]; }
held() {
    local before
    before=$(words allowed)
    eventually 15 more_allowed "$before" || { echo "what is allowed does not arrive: $before" && return 1; }
    [ "$(words forbidden)" = 0 ] || { echo "$(words forbidden) forbidden words arrived" && return 1; }
}
state() { systemctl show -P "$1" sluice.service; }
is() { [ "$(state "$1")" = "$2" ] || { echo "$1 is $(state "$1"), not $2" && return 1; }; }
back() { is ActiveState active && is SubState running && sluice status > /dev/null; }

talks_without() { eventually 20 eval '[ "$(words forbidden)" -gt 20 ]' && [ "$(words allowed)" -gt 20 ]; }
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
upgraded() { # another binary in its place, while the talker talks
    cp /usr/local/bin/sluice /usr/local/bin/sluice.new && mv /usr/local/bin/sluice.new /usr/local/bin/sluice
    systemctl restart sluice.service && back && held && is MainPID "$(pgrep -o -x sluice)"
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
    sluice status > /dev/null
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
check "at boot nothing leaves before the gate, and what is allowed passes" booted
check "refusals are told, with the process" eventually 20 told
check "connections' bytes are counted though the unit cannot write /proc/sys" counted
check "killed whole, three times: back, and nothing leaves meanwhile" killed_whole
check "restarted: the same" restarted
check "upgraded in place: the same" upgraded
check "systemctl reload is an apply, and fails with a wrong policy" reloads
check "an inspector that hangs is replaced" hangs
check "stopped: closed" stopped
check "the next question starts it" activated
check "systemd-analyze security: at most 3.0" exposure
check "sluice down opens, and it stays down" down
finish
