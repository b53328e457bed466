# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# Header fields are compressed on the wire, a body is not.
title='HTTP/2 without TLS, by prior knowledge (nghttp)' origin='RESEARCH §2.67; nghttp2 1.52'
sink=s reason=http_2 who=root
prepare() { echo "$1" > "$T/body"; }
attack() {
    client env LD_LIBRARY_PATH="$(printf '%s:' "$TOOLS"/lib*/usr/lib/*/)" timeout 20 "$TOOLS/nghttp2-client/usr/bin/nghttp" -n -d "$T/body" "http://allowed.test/"
}
