# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Another process that writes the address during connect()' origin='RESEARCH §6, cijail'
sink=a reason='not_resolved' forms='output forward run'
attack() { tool sockets.py race 198.18.2.80 198.18.3.66 443 "$1"; }
