# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
# mitmproxy: ends TLS and begins it anew, refuses requests for other hosts.
source "$HERE/rivals.sh"
rival_kind=intercept
MITMDUMP=$(rival_tool mitmdump mitmproxy/usr/bin/mitmdump)
mitmdump_python() {
    PYTHONPATH=$(printf '%s:' "$TOOLS"/*/usr/lib/python3/dist-packages) "$@"
}
rival_version() { mitmdump_python h g $PYTHON "$MITMDUMP" --version | sed -n 's/^Mitmproxy: /mitmproxy /p'; }
rival_start() {
    rival_authority
    mkdir -p "$WORK/mitm"
    cat "$WORK/rival-ca.key" "$TRUST" > "$WORK/mitm/mitmproxy-ca.pem"
    mitmdump_python rival_spawn g $PYTHON "$MITMDUMP" --mode transparent -q --listen-port $RIVAL_PORT --set confdir="$WORK/mitm" \
        --set flow_detail=0 --set stream_large_bodies=64k --set ssl_verify_upstream_trusted_ca="$CA" \
        --set connection_strategy=lazy --set http2=false \
        --set "block_list=/!~d '^($(rival_allowed | sed 's/\./[.]/g' | paste -sd'|'))\$'/403"
}
