# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Sockets of daemons that start again, or only then, while the job runs'
origin='found here'
reason='silent: no socket below /run is to be reached, whenever it is bound'
forms=run verdict=masked
PLACES=(/run/docker.sock /run/dbus/system_bus_socket /run/systemd/resolve/io.systemd.Resolve /run/podman/podman.sock /run/other/control /run/late/control)
prepare() { engines_again "${PLACES[@]}"; }
attack() { tool send.py local_tries "$1" "${PLACES[@]}"; }
