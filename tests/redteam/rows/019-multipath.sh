# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A hello over multipath TCP'
origin='RESEARCH §2.19; RFC 8684'
reason='not_in_allowlist'
sink=s forms='output forward run'
attack() { tool tcp.py multipath "$1"; }
