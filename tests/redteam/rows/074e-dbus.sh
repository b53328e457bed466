# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='D-Bus (systemd-run, resolved), asked over its socket'
origin='RESEARCH §2.74'
reason='silent: its socket is not there'
forms=run verdict=masked
prepare() { engine /run/dbus/system_bus_socket; }
attack() { tool send.py local /run/dbus/system_bus_socket "$1"; }
