# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='IPv6: Data in the options of a packet without a body'
origin='RESEARCH §2.3; RFC 7045, RFC 7112'
reason='ip_form'
who=cap
attack() { tool ip.py option_data "$1"; }
