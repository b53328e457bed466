# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Versions of QUIC that nobody knows, where QUIC is judged' origin='RESEARCH §2.60'
sink=s reason='quic_[a-z]*|not_resolved'
extra=(short.test$'\n    quic: judge')
attack() { tool quic.py versions "$1"; }
