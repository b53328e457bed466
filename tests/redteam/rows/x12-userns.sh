# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Root in a user namespace, and raw sockets there'
origin='issue 4'
reason='silent: its network has no way out'
forms='run' verdict=dropped
# Without a gate: raw sockets as they are; a user namespace has a network of its own, without a link.
attack() {
    local wrap=(unshare -Urn)
    [ "$FORM" = run ] || { wrap=() && who=cap; }
    client "${wrap[@]}" "$PYTHON" "$TOOL/ip.py" protocols "$1"
}
