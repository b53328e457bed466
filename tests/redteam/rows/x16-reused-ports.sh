# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The ports of a connection that was approved, for another'
origin='found here'
reason='not_in_allowlist'
sink=s forms='output forward'
attack() { tool tcp.py reused_ports "$1"; }
