# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Data of a connection that never was'
origin='RESEARCH §2.18'
reason='older_than_scope'
who=cap
attack() { tool tcp.py midstream "$1"; }
