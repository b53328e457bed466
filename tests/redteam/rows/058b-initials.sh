# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Initials over several datagrams and two in one' origin='RESEARCH §2.58'
sink=s reason=quic
attack() { tool quic.py initials "$1"; }
