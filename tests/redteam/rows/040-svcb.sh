# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='HTTPS and SVCB questions, whose answers carry ECH keys and other addresses' origin='RESEARCH §2.40'
sink=s reason=type_not_allowed
attack() { tool dnswire.py query svcb "$1"; }
