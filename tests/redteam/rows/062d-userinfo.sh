# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A user in front of the host, in Host and in the absolute URI' origin='RESEARCH §2.62'
sink=s reason='http_host|http_malformed' 
attack() { tool webwire.py userinfo "$1"; }
