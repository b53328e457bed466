# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='sendmmsg: an allowed datagram first, then others'
origin='issue 4'
reason='not_resolved'
forms='output forward run'
attack() { tool send.py sendmmsg 198.18.2.81 9123 198.18.3.66 9999 "$1"; }
