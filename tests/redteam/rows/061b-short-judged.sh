# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Short headers without an Initial, 0-RTT, Handshake and Retry first, where QUIC is judged' origin='RESEARCH §2.61'
sink=s reason='quic_[a-z]*'
extra=(short.test$'\n    quic: judge')
attack() { tool quic.py short "$1"; }
