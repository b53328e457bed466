# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A zone transfer' origin='RESEARCH §2.34'
sink=s reason=type_not_allowed
attack() { tool dnswire.py query axfr "$1"; }
