# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Blanks, control bytes, UTF-8, asterisk, slash and escapes in labels' origin='RESEARCH §2.30'
sink=s reason=dns_name_form
attack() { tool dnswire.py query bytes "$1"; }
