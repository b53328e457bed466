# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='DNS over TCP, the length prefix apart' origin='RESEARCH §6, cijail'
reason=not_in_allowlist forms='output forward run'
attack() { tool dnswire.py pieces "$1"; }
