# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A tunnel in reverse names' origin='CargoWall; issue 4'
sink=s reason='not_in_allowlist|tunnel_suspected'
attack() { tool dnswire.py query ptr "$1"; }
