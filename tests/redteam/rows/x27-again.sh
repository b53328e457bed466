# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# An inspector that has much to do is one that is stopped for a moment: the verdict on the server's answer comes after the second SYN.
title='Another connection between the same ports while the verdict on the first is on its way'
origin='found here'
reason='not_in_allowlist|older_than_scope'
who=cap sink=s
attack() {
    local at=$T/again.$1 web inspector='' try
    web=$(pgrep --ns "${HOST[s]}" --nslist net -f 'sink.py s') || return 1
    [ -z "$GATE_HOST" ] || inspector=$(role_pid inspect)
    mkdir -p "$at" && chmod 777 "$at"
    for try in 1 2 3; do
        kill -STOP "$web"
        tool tcp.py again "$1" "$at/$try" &
        for _ in {1..15000}; do [ ! -e "$at/$try.sent" ] || break; sleep 0.001; done
        [ -z "$inspector" ] || kill -STOP "$inspector"
        kill -CONT "$web" && sleep 0.02
        : > "$at/$try.go" && sleep 0.02
        [ -z "$inspector" ] || kill -CONT "$inspector"
        wait $!
    done
}
