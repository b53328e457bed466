# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A container engine, asked over its socket'
origin='RESEARCH §2.74'
reason='silent: its socket is not there'
forms=run verdict=masked
prepare() { engine /run/docker.sock; }
attack() { tool send.py local /run/docker.sock "$1"; }
