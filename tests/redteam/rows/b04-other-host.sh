# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A forbidden Host at an allowed address, on the HTTP port and on the TLS port' origin='RESEARCH §6, bullfrog'
sink=s reason='not_in_allowlist|tls_expected' forms='output forward run'
attack() { tool webwire.py other "$1" && tool webwire.py other "$1" 443; }
