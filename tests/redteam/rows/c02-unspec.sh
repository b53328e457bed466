# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='sendto() with the family AF_UNSPEC' origin='RESEARCH §6, cijail'
sink=a reason='not_resolved' forms='output forward run'
attack() { tool sockets.py unspec 198.18.3.66 9999 "$1"; }
