# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The socket of systemd, asked over its socket'
origin='RESEARCH §2.74'
reason='silent: its socket is not there'
forms=run verdict=masked
prepare() { engine /run/systemd/private; }
attack() { tool send.py local /run/systemd/private "$1"; }
