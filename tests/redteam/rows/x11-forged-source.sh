# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A forged source, so that no scope would claim it'
origin='issue 4'
reason='forged_source'
who=root forms=run
attack() { tool send.py frame 198.18.3.66 9999 "$1" "$(h g ip -br link show gc | awk "{print \$3}")" 203.0.113.9; }
