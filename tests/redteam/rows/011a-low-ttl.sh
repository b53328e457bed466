# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A decoy hello that dies on the way, then the real one at the same place'
origin='RESEARCH §2.11; Geneva'
reason='silent: the server gets the bytes that were judged, whatever is sent again'
who=cap sink=s verdict='judged bytes only'
attack() { tool tcp.py same_place "$1"; }
arrived() { name_arrived "$1"; }
