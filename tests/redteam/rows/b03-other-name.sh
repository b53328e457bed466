# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A forbidden server name at an allowed address, on the TLS port and on the HTTP port' origin='RESEARCH §6, bullfrog'
sink=s reason='not_in_allowlist|http_expected|http_malformed' forms='output forward run'
attack() { tool hello.py send other "$1" && tool hello.py send other "$1" 198.18.2.80 80; }
