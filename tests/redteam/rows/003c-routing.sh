# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='IPv6: A routing header before UDP'
origin='RESEARCH §2.3; RFC 7045, RFC 7112'
reason='ip_form'
who=cap
attack() { tool ip.py routing "$1"; }
