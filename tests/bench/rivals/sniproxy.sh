# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
# sniproxy: reads the ClientHello, connects to the name it shows if its table has it.  Its manual recommends a resolver with a cache
# beside it, since it holds no answers itself.  One process: two that share the port were slower here.
source "$HERE/rivals.sh"
rival_kind=tls
SNIPROXY=$(rival_tool sniproxy sniproxy/usr/sbin/sniproxy)
rival_version() { h g "$SNIPROXY" -V; }
rival_note() { echo "it does not set TCP_NODELAY: a client's last handshake message holds its request back until the server's delayed acknowledgment, 40 ms"; }
rival_start() {
    cat > "$WORK/sniproxy.conf" << CONF
user root
pidfile $WORK/sniproxy.pid
error_log {
    filename $WORK/sniproxy.log
    priority warning
}
resolver {
    nameserver 127.0.0.1
    mode ipv4_only
}
listener 0.0.0.0:$RIVAL_PORT {
    protocol tls
    table names
}
table names {
$(rival_allowed | sed 's/\./\\\\./g; s/.*/    ^&$ *:443/')
}
CONF
    rival_spawn g dnsmasq -k -C /dev/null --no-resolv --no-hosts --user=root --pid-file= --server=198.18.2.53 --listen-address=127.0.0.1 \
        --bind-interfaces --cache-size=1000
    rival_spawn g "$SNIPROXY" -f -c "$WORK/sniproxy.conf"
}
