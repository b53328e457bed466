# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='QUIC version 2, drafts, reserved and unknown versions, version negotiation, gQUIC' origin='RESEARCH §2.60'
sink=s reason=quic
attack() { tool quic.py versions "$1"; }
