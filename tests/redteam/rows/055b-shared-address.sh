# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Another name at the address of an allowed one' origin='RESEARCH §2.55; cilium#31803; §6, bullfrog'
sink=s reason=not_in_allowlist forms='output forward run'
attack() { client sh -c 'getent ahosts allowed.test > /dev/null; curl -4 -sk --max-time 20 --resolve "$1.test:443:198.18.2.80" "https://$1.test/"' sh "$1"; }
