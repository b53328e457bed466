# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A decoy hello with a wrong sequence number, then the real one'
origin='RESEARCH §2.12; Geneva; SymTCP'
reason=tcp_sequence
who=cap sink=s
attack() { tool tcp.py bad_seq "$1"; }
arrived() { name_arrived "$1"; }
