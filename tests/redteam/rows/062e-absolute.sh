# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='An absolute URI for another host than Host' origin='RESEARCH §2.62'
sink=s reason='http_host|http_host_differs|not_in_allowlist' 
attack() { tool webwire.py absolute "$1"; }
