# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='TLS for an allowed name on a port that was not allowed' origin='RESEARCH §2.51'
sink=s reason=port_not_allowed forms='output forward run'
attack() { client curl -4 -sk --max-time 20 "https://allowed.test:8443/$1"; }
arrived() { grep -aq "app 8443 .*$1" "$T/sink.s"; }
