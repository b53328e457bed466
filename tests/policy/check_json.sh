#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2154,SC2329
# Every command with --json: one JSON document on standard output (of `run` the last line of standard error), also where it fails;
# the exit status is what it is without.  The commands are those of `sluice help --json`: a new one that has no row here fails.
#
#     SLUICE=build/sluice tests/policy/check_json.sh
. "$(dirname "$0")/lib.sh"
cd "$work" || exit 1
[ "$(id -u)" = 0 ] && unshare -n true 2> /dev/null && alone=(unshare -n) || alone=()

printf 'version: 1\nresolvers: [192.0.2.53]\nprofiles: { node: { allow: [registry.example] } }\n' > good.yaml
printf 'version: 1\nprofiles:\n  node: { allow: [registry.example/path] }\n' > bad.yaml
printf 'allowed-domains: |\n  a.example\n' > flags
printf '%s\n' '- uses: bullfrogsec/bullfrog@v0' '  with:' '    allowed-domains: a.example' > step.yaml
cp "$root/tests/replay/ethernet.pcap" capture.pcap

# COMMAND | ARGUMENTS | STATUS | jq condition.  root: needs a network namespace of its own.
rows='
check|good.yaml|0|.result == "good" and .entries == 1
check|bad.yaml|2|.error.kind == "input" and .error.file == "bad.yaml" and .error.line == 3 and .error.column > 20 and (.error.text | test("all of its paths"))
check|none.yaml|2|.ok == false and (.error.text | test("none.yaml"))
check||2|.error.kind == "input"
check|--jsn good.yaml|2|.error.text | test("did you mean --json")
explain|good.yaml registry.example|0|.[0].verdict == "allow"
explain|good.yaml other.example|1|.[0].verdict == "deny" and .[0].offer
explain|good.yaml registry.example a..example|2|.[0].verdict == "allow" and .[1].endpoint == "a..example" and .[1].error.column == 3 and .[1].error.at == "endpoint 2"
explain|--scope x good.yaml a.example|2|.error.text | test("no scope \"x\"")
explain|bad.yaml a.example|2|.error.line == 3
explain|good.yaml|2|.error.kind == "input"
import|bullfrog step.yaml|0|.format == "bullfrog" and .profiles[0].allow[0].entry != null
import|bullfrog none|2|.error.text | test("none")
import|bulfrog flags|2|.error.text | test("did you mean bullfrog")
import|--cgroup x bullfrog flags|2|.error.text | test("--cgroup")
replay|none.pcap|2|.error.text | test("none.pcap")
replay||2|.error.kind == "input"
replay|-p bad.yaml capture.pcap|2|.error.line == 3
status|now|2|.error.text | test("takes no operand")
status||1 root|.running == false
apply|bad.yaml good.yaml|2|.error.kind == "input"
apply|none.yaml|2|.error.text | test("none.yaml: No such file")
apply|good.yaml|1 root|.error.kind == "absent"
apply|--dry-run good.yaml|1 root|.error.kind == "absent"
job||2|.error.text | test("job takes start, phase, end or list")
job|start --id x --profile p|2|.error.text | test("known by")
job|list|1 root|.error.kind == "absent"
job|end x|1 root|.error.kind == "absent"
events|--verdict all|2|.error.text | test("--verdict takes")
events|none.json|2|.error.text | test("none.json")
suggest|none.json|2|.error.text | test("none.json")
suggest|one two|2|.error.text | test("one file")
down|now|2|.error.text | test("takes no operand")
down||0 root|.ok and (.gate_ended | not) and .tables_removed == 0
run||125|.error.text | test("no command")
run|--allow a..example -- true|125|.error.at == "--allow" and .error.column == 3
run|-p bad.yaml -- true|125 root|.error.file == "bad.yaml" and .error.line == 3
run|--no-such -- true|125|.error.text | test("unknown option")
run|--profile x -- true|125|.error.text | test("give the policy")
run|-- ./none|127 root|.error.text | test("cannot run ./none")
run|-- true|0 root|.connections == 0 and .denied == 0 and .allow == []
version||0|.version | test("^[0-9]")
version|now|2|.error.kind == "input"
help||0|.commands[0].name == "run"
help|nothing|2|.error.text | test("unknown command")
'
wrong() { echo "not ok: sluice $1 --json $2: $3" && failed=1; }
while IFS='|' read -r command arguments status condition; do
    [ -n "$command" ] || continue
    wrap=()
    if [[ $status == *root ]]; then
        [ ${#alone[@]} -gt 0 ] || continue
        wrap=("${alone[@]}")
    fi
    count=$((count + 1))
    # shellcheck disable=SC2086
    env -u SUDO_UID "${wrap[@]}" timeout 60 "$sluice" "$command" --json $arguments > stdout 2> stderr
    got=$?
    [ "$command" != run ] || tail -n 1 stderr > stdout
    [ "$got" = "${status% root}" ] || wrong "$command" "$arguments" "status $got, not $status: $(cat stderr stdout)"
    jq -se 'length == 1' stdout > /dev/null 2>&1 || wrong "$command" "$arguments" "not one document: $(cat stdout)"
    jq -e "$condition" stdout > /dev/null 2>&1 || wrong "$command" "$arguments" "not so: $condition: $(cat stdout)"
    # For a person the same is on standard error.
    [ "$got" -lt 2 ] || [ "$got" = 127 ] || grep -q '^sluice: ' stderr || wrong "$command" "$arguments" "nothing on standard error"
done <<< "$rows"

# Events are one object a line.
"$sluice" replay --json capture.pcap > stdout && [ "$(jq -s length stdout)" = "$(wc -l < stdout)" ] && [ "$(jq -s length stdout)" -gt 3 ] ||
    { echo "not ok: replay --json" && failed=1; }

# No command without a row, and none without the option but those that print no facts of their own.
for command in $("$sluice" help --json | jq -r '.commands[].name'); do
    case $command in gate) continue ;; esac # it runs until it is ended; what happens is in its events
    grep -q "^$command|" <<< "$rows" || { echo "not ok: no row for sluice $command --json" && failed=1; }
    "$sluice" help --json "$command" | jq -e '[.commands[0].options[].names[]] | index("--json")' > /dev/null || { echo "not ok: $command has no --json" && failed=1; }
done
echo "$count command lines, $([ $failed = 0 ] && echo "each with its JSON" || echo "some without")"
exit $failed
