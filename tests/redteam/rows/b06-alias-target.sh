# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# chain0.test is allowed and an alias of chain1.test, which is an alias of mirror.test.
title='The target of an alias, as a name of its own afterwards' origin='RESEARCH §6, bullfrog'
sink=s reason=not_in_allowlist forms='output forward run'
attack() { client sh -c 'getent ahosts chain0.test; dig +tries=1 +timeout=10 @198.18.2.53 chain1.test; openssl s_client -brief -connect 198.18.2.81:443 -servername chain1.test -alpn "$1" < /dev/null' sh "$1"; }
