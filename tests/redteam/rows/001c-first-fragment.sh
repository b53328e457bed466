# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='One fragment whose rest never comes'
origin='RESEARCH §2.1'
reason='silent: the kernel waits for the rest'
who=cap
attack() { tool ip.py lone_fragment "$1"; }
