# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Hundreds of connections to an allowed address whose hellos never end'
origin='RESEARCH §2.24'
reason='silent: held until they end or their time is up'
sink=s verdict=held
attack() { tool tcp.py half_open "$1"; }
