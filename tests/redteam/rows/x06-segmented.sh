# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='UDP_SEGMENT: one send, an allowed question and another'
origin='DESIGN §3'
reason='not_in_allowlist'
forms='output forward run'
attack() { tool send.py segmented 198.18.2.53 "$1"; }
