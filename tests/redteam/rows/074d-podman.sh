# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Podman of the user, asked over its socket'
origin='RESEARCH §2.74'
reason='silent: its socket is not there'
forms=run verdict=masked
prepare() { engine /run/user/65534/podman/podman.sock; }
attack() { tool send.py local /run/user/65534/podman/podman.sock "$1"; }
