# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The QUIC client of ngtcp2, with another name at an allowed address, where QUIC is judged' origin='RESEARCH §2.58; ngtcp2 0.12.1'
sink=s reason=not_in_allowlist who=root
extra=(short.test$'\n    quic: judge')
attack() { tool quic.py ngtcp2 "$1" "$TOOLS"; }
