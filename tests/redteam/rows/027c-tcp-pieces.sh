# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='DNS over TCP, the length prefix and the message a byte a segment' origin='RESEARCH §2.27'
reason=not_in_allowlist
attack() { tool dnswire.py pieces "$1"; }
