# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A message that says it is an answer, to the resolver' origin='RESEARCH §2.33; §6, bullfrog'
sink=s reason=dns_not_a_query
attack() { tool dnswire.py query response "$1"; }
