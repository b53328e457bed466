# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='CHAOS, HESIOD, NONE and ANY classes' origin='RESEARCH §2.34'
sink=s reason=dns_class
attack() { tool dnswire.py query classes "$1"; }
