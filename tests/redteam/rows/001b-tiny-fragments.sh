# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Fragments, the first of 8 bytes'
origin='RESEARCH §2.1; RFC 1858'
reason='not_resolved'
who=cap
attack() { tool ip.py tiny_fragments "$1"; }
