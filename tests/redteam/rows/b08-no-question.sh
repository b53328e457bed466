# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A query with no question, which ended the agent' origin='RESEARCH §6, bullfrog'
sink=s reason=dns_malformed forms='output forward run'
attack() { tool dnswire.py query no-question "$1"; }
