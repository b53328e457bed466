# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='What a socket sends again when its cgroup is removed, and it heeds no reset'
origin='found here'
reason='not_in_allowlist'
forms=output sink=s who=root
# A service that stops: its processes end, its cgroup goes, and is there again later.
attack() {
    tool send.py deaf "$1" || return
    gate_on || return 0
    h c find "$CGROUPS$CGROUP" -depth -type d -exec rmdir {} \;
    sleep 3
    mkdir "$CGROUPS$CGROUP"
    rest 100
}
