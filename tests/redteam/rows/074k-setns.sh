# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='setns into the network of another process'
origin='RESEARCH §2.74'
reason='silent: no other process is to be seen, nor its namespaces'
forms=run verdict=masked who=root
attack() { client nsenter -t "${HOST[c]}" -n "$PYTHON" "$TOOL/send.py" udp 198.18.3.66 9999 "$1" || [ "$FORM" = run ] || h c nsenter -t "${HOST[c]}" -n "$PYTHON" "$TOOL/send.py" udp 198.18.3.66 9999 "$1"; }
