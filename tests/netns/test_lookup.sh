#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# A job whose processes hold so many descriptors that finding one of them takes long, and which is refused all the time: the
# keeper still serves others.
. "$(dirname "$0")/lib.sh"
bed
HOLD='
import os, resource, time
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
null = os.open("/dev/null", os.O_RDONLY)
try:
    while True: os.dup(null)
except OSError: pass
time.sleep(1000)'
FLOOD='
import socket, sys, time
end = time.time() + float(sys.argv[1])
while time.time() < end:
    for i in range(10):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.sendto(b"x", ("198.18.3.66", 20000 + i))
    time.sleep(0.02)'
mkdir -p "$CGROUPS$CGROUP/loud" "$CGROUPS$CGROUP/quiet"
cat > "$T/policy.yaml" <<YAML
version: 1
resolvers: [198.18.2.53]
profiles: { test: { allow: [allowed.test] } }
scopes:
  - { name: loud, match: { cgroup: $CGROUP/loud }, profile: test }
  - { name: quiet, match: { cgroup: $CGROUP/quiet }, profile: test }
YAML
FORM=output
gate_up output "$T/policy.yaml"
for _ in {1..40}; do start /dev/null c sh -c 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"' sh "$CGROUPS$CGROUP/loud" "$PYTHON" -c "$HOLD"; done
held() { [ "$(cat "$CGROUPS$CGROUP/loud/cgroup.procs" | xargs -I{} sh -c 'ls /proc/{}/fd | wc -l' | awk '{n += $1} END {print n}')" -gt 150000 ]; }
eventually 30 held || t_fail "descriptors are held"
start "$T/flood" c sh -c 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"' sh "$CGROUPS$CGROUP/loud" "$PYTHON" -c "$FLOOD" 600
sleep 4

answers() { quick 2000 h c "$SLUICE" status > /dev/null; }
# Its event comes at once, with the name of its process.
named_once() {
    local from
    from=$(wc -l < "$T/events")
    in_cgroup quiet "$PYTHON" "$ROOT/tests/netns/near.py" datagram 198.18.3.66 7777 x || true
    eventually 5 event_seen "$from" not_resolved '"port":7777' || die "it is not told"
    tail -n +$((from + 1)) "$T/events" | grep '"port":7777' | grep '"pid"'
}
# A refusal waits a while for its name, no longer: on a machine where all is slow, one may go without.
named() {
    local i
    for i in {1..10}; do ! named_once || return 0; done
    return 1
}
check "the gate's status is answered" answers
check "another scope's refusal is told, and who it was" named
check "the loud one's refusals are told" event_seen 0 not_resolved '"port":2000'
gate_down
finish
