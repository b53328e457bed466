# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='SO_MARK with every value that a gate might take for its own'
origin='issue 4'
reason='not_resolved'
who=cap
attack() { tool send.py marks 198.18.3.66 9999 "$1"; }
