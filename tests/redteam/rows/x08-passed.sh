# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A socket that a process outside made, passed over a unix socket'
origin='issue 4'
reason='silent: the unix socket of a process outside is not there'
forms=run verdict=masked
prepare() {
    h c mkdir -p /run/user/65534
    start "$T/pass.$1" c "$PYTHON" "$TOOL/send.py" pass_on /run/user/65534/pass 198.18.3.66 9999
    eventually 15 grep -q listening "$T/pass.$1"
}
attack() { tool send.py passed /run/user/65534/pass "$1"; }
