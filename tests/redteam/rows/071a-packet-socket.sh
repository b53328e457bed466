# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A frame by packet socket, as root under sluice run'
origin='RESEARCH §2.71'
reason='not_resolved'
who=root forms=run
attack() { tool send.py frame 198.18.3.66 9999 "$1" "$(h g ip -br link show gc | awk "{print \$3}")"; }
