# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Neighbour and router messages to the attacker, words in their options'
origin='issue 4'
reason='protocol'
who=cap
attack() { tool ip.py neighbours "$1"; }
