# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Rebinding to the metadata address as a v4-mapped IPv6 address' origin='RESEARCH §2.37'
reason='private_address|metadata_address'
attack() { tool sockets.py mapped mapped.odd.test 9999 "$1"; }
