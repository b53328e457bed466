# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A container engine, asked over its socket'
origin='RESEARCH §2.74'
reason='silent: its socket is not there'
forms=run verdict=masked
prepare() {
    h c mkdir -p /run
    start "$T/engine.$NAME" c "$PYTHON" "$TOOL/send.py" engine /run/docker.sock 198.18.3.66 9999
    eventually 3 grep -q listening "$T/engine.$NAME" || true # the one from before still serves
}
attack() { tool send.py local /run/docker.sock "$1"; }
