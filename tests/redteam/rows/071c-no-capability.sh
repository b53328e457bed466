# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Packet and raw sockets as a user under sluice run who had CAP_NET_RAW'
origin='RESEARCH §2.71'
reason='silent: the command has no capability and cannot gain one'
forms=run verdict=masked
# Without sluice: with the capability, as a user may have it.
attack() {
    [ "$FORM" = run ] || who=cap
    tool send.py frame 198.18.3.66 9999 "$1" "$(h g ip -br link show gc | awk "{print \$3}")"
    tool ip.py protocols "$1"
}
