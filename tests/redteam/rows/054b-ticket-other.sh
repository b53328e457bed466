# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A session of an allowed name taken up again for another' origin='RESEARCH §2.54'
sink=s reason=not_in_allowlist
attack() { tool hello.py resumed "$1" other; }
