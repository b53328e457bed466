# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
# haproxy: reads the ClientHello, rejects names that are not in its file, connects on to where the client meant to go.
source "$HERE/rivals.sh"
rival_kind=tls
HAPROXY=$(rival_tool haproxy haproxy/usr/sbin/haproxy)
rival_version() { h g "$HAPROXY" -v | sed -n 's/^HAProxy version \([^ ]*\) .*/haproxy \1/p'; }
rival_start() {
    rival_allowed > "$WORK/haproxy.names"
    cat > "$WORK/haproxy.cfg" << CFG
global
    nbthread $(nproc)
    maxconn 4000
defaults
    mode tcp
    maxconn 4000
    option splice-auto
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend gate
    bind 0.0.0.0:$RIVAL_PORT
    bind :::$RIVAL_PORT v6only
    tcp-request inspect-delay 5s
    tcp-request content reject if { req.len gt 0 } !{ req.ssl_hello_type 1 }
    tcp-request content accept if { req.ssl_sni -m str -f $WORK/haproxy.names }
    tcp-request content reject if { req.ssl_hello_type 1 }
    default_backend meant
backend meant
    option transparent
CFG
    rival_spawn g "$HAPROXY" -db -f "$WORK/haproxy.cfg"
}
