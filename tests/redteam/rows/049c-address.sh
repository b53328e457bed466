# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='An address as server name' origin='RESEARCH §2.49'
sink=s reason=tls_name_form
attack() { tool hello.py send name-ip "$1" && tool hello.py send name-ip6 "$1"; }
