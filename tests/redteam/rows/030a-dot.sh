# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A dot inside a label: as text the name is below an allowed wildcard' origin='RESEARCH §2.30'
sink=s reason=dns_name_form
attack() { tool dnswire.py query dot "$1"; }
