# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='containerd, asked over its socket'
origin='RESEARCH §2.74'
reason='silent: its socket is not there'
forms=run verdict=masked
prepare() {
    h c mkdir -p /run/containerd
    start "$T/engine.$NAME" c "$PYTHON" "$TOOL/send.py" engine /run/containerd/containerd.sock 198.18.3.66 9999
    eventually 3 grep -q listening "$T/engine.$NAME" || true # the one from before still serves
}
attack() { tool send.py local /run/containerd/containerd.sock "$1"; }
