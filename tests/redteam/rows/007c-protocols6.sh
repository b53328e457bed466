# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The same over IPv6'
origin='RESEARCH §2.7'
reason='protocol|ip_form'
who=cap
attack() { tool ip.py protocols6 "$1"; }
