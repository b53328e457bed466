# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A decoy hello with a stale timestamp, then the real one'
origin='RESEARCH §2.12; Geneva; SymTCP'
reason='silent: the server gets the bytes that were judged, whatever is sent again'
who=cap sink=s verdict='judged bytes only'
attack() { tool tcp.py stale_stamp "$1"; }
arrived() { name_arrived "$1"; }
