# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='An IPv4 option on an allowed datagram'
origin='DESIGN §3'
reason='ip_form'
who=cap sink=s
attack() { tool ip.py ip_options "$1"; }
