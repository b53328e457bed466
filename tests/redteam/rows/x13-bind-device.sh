# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A socket bound to the device'
origin='issue 4'
reason='not_resolved'
forms='output forward run'
attack() { tool send.py device 198.18.3.66 9999 "$1"; }
