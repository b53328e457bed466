# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The second half of a hello first'
origin='RESEARCH §2.9; Ptacek and Newsham 1998'
reason='not_in_allowlist'
sink=s forms='output forward run'
attack() { tool tcp.py late_first "$1"; }
