# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Sockets outside of /run that are bound again while the job runs'
origin='found here'
reason='silent: their directories are covered: one that the job may not write to, one that holds sockets alone'
forms=run verdict=masked
PLACES=("$T/place/opt/control" "$T/place/home/.ssh/masters/host" "$T/place/opt/late")
prepare() {
    mkdir -p "$T/place/opt/data" "$T/place/home/.ssh/masters"
    echo data > "$T/place/opt/file"
    chown -R 65534:65534 "$T/place/home"
    engines_again "${PLACES[@]}"
}
attack() { tool send.py local_tries "$1" "${PLACES[@]}"; }
