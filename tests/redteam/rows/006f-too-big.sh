# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Data in a Packet Too Big sent to the attacker'
origin='ours'
reason='protocol'
who=cap
attack() { tool ip.py too_big "$1"; }
