# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='UDP-Lite, from an ordinary socket'
origin='RESEARCH §2.7'
reason='protocol'
forms='output forward run'
attack() { tool send.py udplite 198.18.3.66 9999 "$1"; }
