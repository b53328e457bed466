# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The varlink socket of the resolver, asked over its socket'
origin='RESEARCH §2.74'
reason='silent: its socket is not there'
forms=run verdict=masked
prepare() { engine /run/systemd/resolve/io.systemd.Resolve; }
attack() { tool send.py local /run/systemd/resolve/io.systemd.Resolve "$1"; }
