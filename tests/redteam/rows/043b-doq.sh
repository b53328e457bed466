# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='DNS over QUIC to the attacker' origin='RESEARCH §2.43'
reason='not_resolved|quic'
attack() { near unconnected 198.18.3.66 853 "$1"; }
