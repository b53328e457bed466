# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Short headers without an Initial, from two ports; 0-RTT, Handshake and Retry first' origin='RESEARCH §2.61'
sink=s reason=quic
attack() { tool quic.py short "$1"; }
