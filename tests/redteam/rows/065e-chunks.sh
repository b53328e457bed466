# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A request behind a chunked body, and behind malformed chunks' origin='RESEARCH §2.65'
sink=s reason='not_in_allowlist|http_chunk|http_length' 
attack() { tool webwire.py chunks "$1"; }
