# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Bytes behind the end of an allowed datagram, inside its packet'
origin='ours'
reason='ip_form'
who=cap sink=s
attack() { tool ip.py trailer "$1"; }
