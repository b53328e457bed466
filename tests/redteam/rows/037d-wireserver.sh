# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Rebinding to 168.63.129.16 and to 100.64.0.0/10' origin='RESEARCH §2.37'
reason=private_address
prepare() {
    local address
    for address in 168.63.129.16 100.64.3.66; do h a ip addr replace $address/32 dev a0 && h g ip route replace $address via 198.18.3.66; done
}
attack() { client curl -4 -sk --max-time 20 "https://wire.odd.test/$1" "https://shared.odd.test/$1"; }
