# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A word in the payload size that EDNS offers' origin='RESEARCH §2.31'
sink=s reason='silent: the question goes on, built anew' verdict=rebuilt
attack() { tool dnswire.py bits size "$1"; }
arrived() { "$PYTHON" "$TOOL/dnswire.py" seen size "$T/s.pcap" | grep -q "$(printf %s "$1" | od -An -v -tx1 | tr -d ' \n')"; }
