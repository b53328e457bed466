# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Rebinding to a private address of the network inside' origin='RESEARCH §2.37'
sink=s reason=private_address
attack() { client curl -4 -sk --max-time 20 "https://private.test/$1"; }
