# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='An upgrade to websocket' origin='RESEARCH §2.67'
sink=s reason=http_websocket 
attack() { tool webwire.py websocket "$1"; }
