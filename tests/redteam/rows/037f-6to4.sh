# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Rebinding to the metadata address through 6to4' origin='RESEARCH §2.37'
reason='private_address|metadata_address'
prepare() { h a ip -6 addr replace 2002:a9fe:a9fe::1/128 dev a0 nodad && h g ip -6 route replace 2002:a9fe:a9fe::1/128 via 2001:db8:3::66; }
attack() { client curl -6 -sk --max-time 20 "https://6to4.odd.test/$1"; }
