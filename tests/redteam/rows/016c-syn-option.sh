# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A word in an unknown option of the SYN, to an allowed address'
origin='RESEARCH §2.16'
reason='silent: options that the gate does not pass become NOPs'
who=cap sink=s verdict=blanked
attack() { tool tcp.py syn_option "$1"; }
