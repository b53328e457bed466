# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A forbidden server name by writev() in two pieces' origin='RESEARCH §6, cijail'
sink=s reason='not_in_allowlist' forms='output forward run'
attack() { tool hello.py call writev "$1"; }
