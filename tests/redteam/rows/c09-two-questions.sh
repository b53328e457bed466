# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Two questions in one query, over UDP and over TCP' origin='RESEARCH §6, cijail'
sink=s reason=dns_malformed forms='output forward run'
attack() { tool dnswire.py query two-questions "$1"; tool dnswire.py query two-questions "$1" 198.18.2.53 tcp; }
