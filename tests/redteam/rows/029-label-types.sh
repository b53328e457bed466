# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Label types 0x40 and 0x80' origin='RESEARCH §2.29'
sink=s reason=dns_malformed
attack() { tool dnswire.py query label-types "$1"; }
