# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A session taken up again without a name' origin='RESEARCH §2.54'
sink=s reason=tls_no_name
attack() { tool hello.py resumed "$1" none; }
