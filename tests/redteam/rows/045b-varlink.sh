# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The varlink socket of systemd-resolved as relay' origin='RESEARCH §2.45'
reason='silent: sluice run masks the socket' verdict=masked forms=run
# Its own socket, not what a row before left there.
prepare() { h c rm -f /run/systemd/resolve/io.systemd.Resolve; start "$T/varlink" c "$PYTHON" "$TOOL/sockets.py" varlink; }
attack() { eventually 15 h c test -S /run/systemd/resolve/io.systemd.Resolve && tool sockets.py ask "$1.evil.test"; h c rm -f /run/systemd/resolve/io.systemd.Resolve; }
