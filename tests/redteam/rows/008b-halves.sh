# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A hello cut in the middle of its name'
origin='RESEARCH §2.8'
reason='not_in_allowlist'
sink=s forms='output forward run'
attack() { tool tcp.py in_two "$1"; }
