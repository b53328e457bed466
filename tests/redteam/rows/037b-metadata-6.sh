# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Rebinding to the metadata address over IPv6' origin='RESEARCH §2.37'
reason='metadata_address|private_address'
attack() { client curl -6 -sk --max-time 20 "https://meta.test/$1"; }
