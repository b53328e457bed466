# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='An allowed and a forbidden question in one TCP segment' origin='RESEARCH §6, bullfrog'
reason=not_in_allowlist forms='output forward run'
attack() { tool dnswire.py pipelined "$1"; }
