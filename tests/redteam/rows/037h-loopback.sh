# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Rebinding to a proxy on the loopback of the host' origin='RESEARCH §2.37, 73'
reason='private_address' forms=output
prepare() { start "$T/socat" c socat TCP-LISTEN:443,bind=127.0.0.1,reuseaddr,fork TCP:198.18.3.66:443; }
attack() { eventually 15 h c sh -c 'ss -Hltn sport = 443 | grep -q .' && client curl -4 -sk --max-time 20 "https://loop.test/$1"; }
