# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A daemon that outlives its parents'
origin='RESEARCH §2.74'
reason='not_resolved'
attack() { tool send.py double_fork 198.18.3.66 9999 "$1"; sleep 0.5; }
