# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# Packet sockets skip the output hook of their own network namespace: root is judged from outside of its own.
title='Ethernet frames of its own (AF_PACKET)' origin='RESEARCH §6, cijail; §2.71'
reason='not_resolved|ip_form' who=root forms='forward run'
attack() { tool sockets.py frame "$1"; }
