# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A request that the kernel sends when the run is over'
origin='found here'
reason='silent: what its sockets still have to send ends before its rules go'
forms=run sink=s verdict=ended
attack() { tool send.py after "$1"; sleep 5; }
