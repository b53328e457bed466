# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='An allowed and a forbidden question in one segment; the same with an empty message between' origin='RESEARCH §2.27; §6, bullfrog'
reason='not_in_allowlist|dns_malformed'
attack() { tool dnswire.py pipelined "$1"; }
