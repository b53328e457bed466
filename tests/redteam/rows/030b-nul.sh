# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A NUL inside a label' origin='RESEARCH §2.30'
sink=s reason=dns_name_form
attack() { tool dnswire.py query nul "$1"; }
