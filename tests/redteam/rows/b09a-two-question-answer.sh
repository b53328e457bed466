# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A two-question answer, sent by the job; it ended the agent' origin='RESEARCH §6, bullfrog'
sink=s reason=dns_not_a_query forms='output forward run'
attack() { tool dnswire.py query two-question-answer "$1"; }
