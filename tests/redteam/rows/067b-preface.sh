# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The preface of HTTP/2, then a word' origin='RESEARCH §2.67'
sink=s reason=http_2 
attack() { tool webwire.py prior "$1"; }
