# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Both open at once'
origin='RESEARCH §2.17'
reason='not_resolved|incoming'
# The attacker's kernel sends no reset, so that the client's SYN waits until his own comes.
prepare() {
    h a nft -f - <<'NFT'
table inet quiet {
    chain out { type filter hook output priority 0; tcp sport 7017 tcp flags & rst == rst drop; }
}
NFT
}
attack() {
    tool send.py together 7018 198.18.3.66 7017 "$1" &
    local client=$!
    h a "$PYTHON" "$TOOL/send.py" together 7017 198.18.1.2 7018 from-outside > /dev/null
    wait $client
    h a nft delete table inet quiet
}
