# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='NUL, BEL, ANSI escapes, UTF-8, a slash and a blank in the server name' origin='RESEARCH §2.49'
sink=s reason=tls_name_form
attack() { for form in nul bell ansi utf8 slash blank; do tool hello.py send name-$form "$1"; done; }
