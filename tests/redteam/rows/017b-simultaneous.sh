# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Both open at once'
origin='RESEARCH §2.17'
reason='not_resolved|incoming'
attack() {
    h a "$PYTHON" "$TOOL/send.py" together 7017 198.18.1.2 7018 from-outside > /dev/null &
    tool send.py together 7018 198.18.3.66 7017 "$1"
    kill $! 2> /dev/null
    wait
}
