# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A word in the ids of allowed questions' origin='RESEARCH §2.31'
sink=s reason='silent: the question goes on, built anew' verdict=rebuilt
attack() { tool dnswire.py bits id "$1"; }
arrived() { "$PYTHON" "$TOOL/dnswire.py" seen id "$T/s.pcap" | grep -q "$(printf %s "$1" | od -An -v -tx1 | tr -d ' \n')"; }
