# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
# unbound as a filter: forwards allowed names, refuses the others.
source "$HERE/rivals.sh"
rival_kind=dns
UNBOUND=$(rival_tool unbound unbound/usr/sbin/unbound)
rival_version() { h g "$UNBOUND" -V | sed -n 's/^Version /unbound /p'; }
# Its manual's "optimise unbound": a thread a processor, its own sockets, room for many questions; no validation, no modules else.
rival_start() {
    local cache='msg-cache-size: 0
    rrset-cache-size: 0
    cache-max-ttl: 0'
    [ $rival_caches = no ] || cache='msg-cache-size: 8m
    rrset-cache-size: 16m'
    cat > "$WORK/unbound.conf" << CONF
server:
    interface: 0.0.0.0@$RIVAL_PORT
    access-control: 0.0.0.0/0 allow
    username: ""
    chroot: ""
    directory: "$WORK"
    pidfile: ""
    use-syslog: no
    verbosity: 0
    num-threads: $(nproc)
    so-reuseport: yes
    so-rcvbuf: 4m
    so-sndbuf: 4m
    outgoing-range: 8192
    num-queries-per-thread: 4096
    module-config: "iterator"
    minimal-responses: yes
    do-not-query-localhost: no
    $cache
    local-zone: "." refuse
$(rival_allowed | sed 's/.*/    local-zone: "&." transparent/')
remote-control:
    control-enable: no
forward-zone:
    name: "."
    forward-addr: 198.18.2.53
CONF
    rival_spawn g "$UNBOUND" -d -c "$WORK/unbound.conf"
}
