#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2317,SC2329
# The commands of deploy/README.md, "A runner host", each as it is written there, in order, in a machine that systemd runs and
# where nothing of sluice is: the fenced blocks marked sh.  After a section's commands, what they must have brought about.
set -u
PAGE=deploy/README.md
passed=0 failed=0 skipped=0
check() {
    local name=$1 out
    shift
    if out=$("$@" 2>&1); then passed=$((passed + 1)) && echo "ok   [runner host] $name (at $SECONDS s)"; else
        failed=$((failed + 1)) && echo "FAIL [runner host] $name" && printf '%s\n' "$out" | tail -n 15 | sed 's/^/     | /'
    fi
}
eventually() { local i; for ((i = 0; i < $1; i++)); do "${@:2}" > /dev/null 2>&1 && return; sleep 1; done && "${@:2}"; }

# ---- the page: a file for each block, in order; its section, and whether it is for the machine ----
mkdir -p /run/page
awk -v to=/run/page '
    /^## / {top = $0}
    /^### / {section = substr($0, 5)}
    /^```/ && inside {inside = 0; close(file); next}
    /^```sh/ && top ~ /A runner host/ {
        inside = 1; file = sprintf("%s/%02d", to, ++n); first = $0; sub(/^```sh */, "", first)
        printf "%s\t%s\t%s\n", file, section, first > (to "/list"); next
    }
    inside {print > file}
' $PAGE

# ---- what the sections bring about; the job's stand-in says what it got ----
job() { tail -n "${2:-5}" /run/job-log | grep -q "^https://$1 $3\$"; }
got() { job "$1" 5 "$2"; } # curl's exit status, in the last round
fresh() { : > /run/job-log && eventually 90 eval '[ "$(wc -l < /run/job-log)" -ge 9 ]'; } # what was begun before is over: a whole round is there
all_pass() { fresh && got github.com/ 0 && got registry.example/ 0 && got files.example/ 0 && got evil.example/stolen 60 && got 198.18.9.2/by-address 0; }
after_Install() {
    check "the program, its units and its pages are there" eval '[ -x /usr/local/bin/sluice ] && systemctl cat sluice.service sluice.socket > /dev/null && [ -s /usr/local/share/man/man8/sluice.8 ]'
    check "nothing runs yet" fails systemctl is-active sluice.service
}
fails() { if "$@"; then echo "succeeded: $*" && return 1; fi; }
after_Audit() {
    check "the gate runs, and the runner with it" eventually 30 systemctl is-active sluice.service "$RUNNER"
    check "under audit all passes" all_pass
}
after_Look() { check "what enforcing would refuse is shown, with who asked" eval 'grep -q "registry\.example.* by curl" /run/page/out && ! grep -q " deny " /run/page/out'; }
suggested() { grep -q '^      - registry\.example ' /run/page/suggested && grep -q '^      - files\.example ' /run/page/suggested && grep -q '^#.*198\.18\.9\.2' /run/page/suggested && ! grep -q '^ *- .*198\.18' /run/page/suggested; }
after_Allow() {
    check "entries for the names, none for an address that was never resolved" suggested
    check "they are in force" eval 'sluice explain /etc/sluice/policy.yaml --scope runner https://registry.example/ && sluice status | grep -q runner'
}
after_Enforce() {
    check "what is allowed passes" eval 'fresh && got github.com/ 0 && got registry.example/ 0 && got files.example/ 0'
    check "what is not is refused" eval '! got evil.example/stolen 60 && ! got 198.18.9.2/by-address 0'
}
after_closed() {
    check "a place that nobody allowed: closed, and told" eval 'grep -qx closed /run/page/out && grep -q "deny .*not-allowed\.example" /run/page/out'
    check "its name was never asked for outside" fails grep -q not-allowed /run/dns.log
}
after_Undo() {
    check "nothing is left: no gate, no rules, no program" eval '! systemctl is-active sluice.service && ! nft list tables | grep -q sluice && [ ! -e /usr/local/bin/sluice ]'
    check "the runner runs without it" all_pass
}

# ---- the machine: a host with a runner, and a person who reads what is suggested ----
cp tests/vm/runner/job.sh /run/job.sh
printf '[Service]\nExecStart=/bin/sh /run/job.sh\n' > /etc/systemd/system/actions-runner.service
: > /run/job-log
mkdir -p /etc/systemd/system/sluice.service.d # kernel modules take an emulated machine seconds each, at the first start
printf '[Service]\nTimeoutStartSec=300\n' > /etc/systemd/system/sluice.service.d/slow.conf
systemctl daemon-reload
systemctl start actions-runner.service
eventually 20 grep -q started /run/dns.log || cat /run/dns.log
if ! timeout 20 sudo -n true 2> /dev/null; then
    printf '#!/bin/sh\nexec "$@"\n' > /usr/local/bin/sudo
    chmod +x /usr/local/bin/sudo
fi
cat > /usr/local/bin/sudoedit << 'SH'
#!/bin/sh
# The person: takes the names that are suggested, but not evil.example, into the profile.
grep '^      - ' /run/page/suggested | grep -v evil > /run/page/meant
sed -i '/^      - github.com/r /run/page/meant' "$1"
SH
chmod +x /usr/local/bin/sudoedit
export PATH=/usr/local/bin:$PATH

RUNNER=
while IFS=$'\t' read -r file section how; do
    if [ -n "$how" ]; then
        skipped=$((skipped + 1)) && echo "skip [runner host] $section: ${how#not-in-the-test: }"
        continue
    fi
    # What one block sets the next one has; any command that fails ends a block.  A shell of its own: -e is nothing in a condition.
    { cat "$file" && echo 'echo "$RUNNER" > /run/page/runner'; } > "$file.sh"
    check "$section: $(grep -c . "$file") lines run as written" eval 'RUNNER=$RUNNER bash -eu "$file.sh" > /run/page/out 2>&1 || { cat /run/page/out; false; }'
    RUNNER=$(cat /run/page/runner)
    [ "$section" != Allow ] || grep -q . /run/page/suggested 2> /dev/null || cp /run/page/out /run/page/suggested
    [ "$section" != Look ] || cp /run/page/out /run/page/looked
    last=$(awk -F'\t' -v s="$section" '$2 == s {l = $1} END {print l}' /run/page/list)
    [ "$file" = "$last" ] || continue
    [ "$section" != "Is it closed?" ] || section=closed
    "after_$section"
done < /run/page/list
echo "$passed passed, $failed failed, $skipped skipped"
