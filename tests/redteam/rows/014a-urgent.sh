# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='An urgent byte in the middle of the name'
origin='RESEARCH §2.14'
reason='tcp_urgent'
sink=s forms='output forward run'
attack() { tool tcp.py urgent "$1"; }
