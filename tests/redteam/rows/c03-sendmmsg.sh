# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='sendmmsg() of an allowed and of forbidden messages' origin='RESEARCH §6, cijail'
sink=a reason='not_in_allowlist|not_resolved' forms='output forward run'
attack() { tool sockets.py mmsg "$1"; }
