# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# Java offers it on every plain request; so the offer is made unreadable and the request goes on.
title='An upgrade to HTTP/2 without TLS (nghttp): the offer never arrives' origin='RESEARCH §2.67; nghttp2 1.52'
sink=s reason='silent: the offer is masked, the request goes on as HTTP/1.1' verdict=masked who=root
attack() {
    client env LD_LIBRARY_PATH="$(printf '%s:' "$TOOLS"/lib*/usr/lib/*/)" timeout 20 "$TOOLS/nghttp2-client/usr/bin/nghttp" -n -u "http://allowed.test/hello/$1"
}
arrived() { grep -a -A 8 "^tcp 80 .*/hello/$1" "$T/sink.s" | grep -aiq 'upgrade: h2c'; }
