# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Fragments that overlap'
origin='Ptacek and Newsham 1998; RFC 5722'
reason='silent: the kernel joins no overlapping fragments'
who=cap
attack() { tool ip.py overlapping_fragments "$1"; }
