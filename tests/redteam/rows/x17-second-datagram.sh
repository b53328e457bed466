# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A datagram socket that first sends to an allowed place, then elsewhere'
origin='ours'
reason='not_resolved'
forms='output forward run'
attack() { tool send.py then_elsewhere "$1"; }
