#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2086,SC2155,SC2209,SC2329
# What the suites of `sluice job` share: a gate of one host, with a policy that jobs are started by.  Sourced.
. "$(dirname "$0")/lib.sh"
bed
capture s s0
FORM=output
NOBODY=65534

job() { h c timeout $((60 * SLOW)) "$SLUICE" job "$@"; }
get() { in_cgroup "$1" curl -sS --cacert "$CA" --max-time 30 -o /dev/null "${@:3}" "https://$2/hello"; }
may() { get "$1" "$2"; }
may_not() { fails get "$1" "$2" 2> /dev/null; }
jobs_say() { h c "$SLUICE" job list --json; }
AS_NOBODY="setpriv --reuid $NOBODY --regid $NOBODY --clear-groups"
gate_says() { h c "$PYTHON" -c 'import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + b"\n")
d = b""
while (x := s.recv(65536)): d += x
print(d.decode())' "$@"; }
ls_socket() { h c sh -c "echo /run/sluice/*$1"; }

# The scopes of the file: "agent" starts jobs, "tight" is for what nobody else claims below $CGROUP/tight.
write_policy() {
    cat > "$1" <<YAML
version: 1
resolvers: [198.18.2.53, "2001:db8:2::53"]
profiles:
  none: { allow: [] }
  agent: { allow: [mirror.test] }
  node:
    allow: [allowed.test, cdn.test, 'tcp://tcp.test:9000-9001']
    deny: [big.test]
    phases:
      build: { allow: [] }
      test: { allow: [cdn.test] }
      deploy: { allow: [other.test] }
${2:-}
scopes:
  - name: tight
    match: { cgroup: $CGROUP/agent/tight }
    profile: none
  - name: plain
    match: { cgroup: $CGROUP/plain }
    profile: agent
  - name: agent
    match: { cgroup: $CGROUP/agent }
    profile: agent
    starts_jobs: [node]
unmatched: pass
YAML
}
none_listed() { jobs_say | jq -e '.jobs == []' > /dev/null; }
