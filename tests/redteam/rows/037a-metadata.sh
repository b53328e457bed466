# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Rebinding to the metadata address of a cloud' origin='RESEARCH §2.37'
reason='metadata_address|private_address' forms='output forward run'
attack() { client curl -4 -sk --max-time 20 "https://meta.test/$1"; }
