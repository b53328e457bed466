# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A first Initial that dies on the way, then another' origin='RESEARCH §2.59'
sink=s reason=quic
attack() { tool quic.py decoy "$1"; }
