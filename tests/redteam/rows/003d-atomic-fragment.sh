# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='IPv6: An atomic fragment'
origin='RESEARCH §2.3; RFC 7045, RFC 7112'
reason=not_resolved
who=cap
attack() { tool ip.py atomic_fragment "$1"; }
