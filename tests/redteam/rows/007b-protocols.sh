# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='SCTP, DCCP, GRE, ESP, AH, IPIP, 6in4, EtherIP and an unknown protocol'
origin='RESEARCH §2.7'
reason='protocol'
who=cap
attack() { tool ip.py protocols "$1"; }
