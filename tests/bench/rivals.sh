# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
# What the rivals share.  A rival is a file rivals/NAME.sh that sources this one and defines
#
#     rival_kind      tls: a proxy in the gateway that judges server names; intercept: one that ends TLS itself; dns: a resolver in the
#                     gateway that judges names; host, host_used: a firewall of the client's own
#                     connections
#     rival_version   prints its name and version
#     rival_start     starts it (in the background, by rival_spawn)
#     rival_note      a line to be said beside its figures, or nothing
#
# Names n0 … n99 of bench.test are allowed and nothing else; n104 is a name like them that is not.  Nothing is installed: Debian's
# packages, with what they depend on, are unpacked below TOOLS (.ci/install --unpack-with).  rival_up fails, and the rival is not
# measured, unless what is allowed passes through it and what is not is refused.
RIVAL_PORT=7443
RIVAL_PIDS=()
rival_caches=no
rival_refuses=yes
rival_note() { :; }

# rival_tool PROGRAM PATH: the installed program, or the unpacked one.
rival_tool() { command -v "$1" || echo "$TOOLS/$2"; }

# The unpacked packages' libraries, for everything in the gateway and the client (an environment variable would be lost where a
# rival changes its user and starts itself again).
rival_libraries() {
    local host
    [ ! -e "$WORK/rival.ld.cache" ] || return 0
    printf '%s\n' "$TOOLS"/*/usr/lib/*-linux-gnu "$TOOLS"/*/lib/*-linux-gnu > "$WORK/rival.ld.conf"
    cat /etc/ld.so.conf.d/*.conf >> "$WORK/rival.ld.conf" 2> /dev/null
    ldconfig -X -f "$WORK/rival.ld.conf" -C "$WORK/rival.ld.cache" 2> /dev/null || return 1
    for host in c g; do h $host mount --bind "$WORK/rival.ld.cache" /etc/ld.so.cache || return 1; done
}

# rival_spawn HOST COMMAND...: runs it there until rival_down.
rival_spawn() {
    start "$WORK/rival.log.${#RIVAL_PIDS[@]}" "$@"
    RIVAL_PIDS+=($!)
}

rival_allowed() { printf '%s\n' n{0..99}.bench.test; }

# The authority that an intercepting rival signs with, and the one key of its certificates (ECDSA, as the server's: fast).
rival_authority() {
    TRUST=$WORK/rival-ca.pem
    [ -e "$TRUST" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=rival CA" \
        -addext keyUsage=critical,keyCertSign,cRLSign -keyout "$WORK/rival-ca.key" -out "$TRUST" 2> /dev/null
    [ -e "$WORK/rival-leaf.key" ] || openssl ecparam -name prime256v1 -genkey -noout -out "$WORK/rival-leaf.key"
}

# rival_redirect PROTO PORT: what the client sends through the gateway to that port goes to the rival; what the gateway itself asks
# the DNS is counted.
rival_redirect() {
    h g nft -f - << NFT
table inet rival {
    counter asked { }
    chain nat { type nat hook prerouting priority dstnat; iifname "gc" $1 dport $2 redirect to :$RIVAL_PORT; }
    chain out { type filter hook output priority 0; udp dport 53 counter name asked; }
}
NFT
}

# A proxy opens a connection for each one that it takes, from one address: it gets as many ports as there are.
rival_ports() {
    h g sh -c 'echo "1024 65535" > /proc/sys/net/ipv4/ip_local_port_range; echo 1 > /proc/sys/net/ipv4/tcp_tw_reuse
        echo 8192 > /proc/sys/net/core/somaxconn'
}

rival_up() {
    local why=''
    RIVAL_PIDS=()
    rm -f "$WORK"/rival.log.*
    rival_libraries || why="its libraries are not found"
    case $rival_kind in
    tls | intercept) rival_ports && rival_redirect tcp 443 ;;
    dns) rival_redirect udp 53 ;;
    host*) [ "$FORM" = output ] || why="it judges only its own host" ;;
    esac
    [ -n "$why" ] || rival_start || why="it does not start"
    [ -n "$why" ] || eventually 15 rival_filters 2> "$WORK/rival.why" || why="it does not filter: $(tail -n 1 "$WORK/rival.why")"
    if [ -z "$why" ]; then
        echo "rival $VARIANT $(rival_version)$(rival_note | sed 's,^,: ,')"
        return 0
    fi
    echo "rival $VARIANT not measured in form $FORM: $why"
    tail -n 5 "$WORK"/rival.log* >&2
    say "  $VARIANT: $why"
    rival_down
    return 1
}

rival_down() {
    local pid all
    h g nft delete table inet rival 2> /dev/null
    all=$(rival_processes)
    for pid in $all; do kill -KILL "$pid" 2> /dev/null; done
    for pid in $all; do eventually 5 dead "$pid"; done
    RIVAL_PIDS=()
}

rival_processes() { processes_of "${RIVAL_PIDS[@]}"; }

# ---- does it filter? ----

rival_filters() {
    "rival_passes_${rival_kind%_used}" || return 1
    [ $rival_refuses = no ] || "rival_refuses_${rival_kind%_used}" || { echo "what is not allowed passes" >&2 && return 1; }
}

# rival_fetch NAME [CA]: over TLS from the client, at a web server's own address whatever the DNS says.
rival_fetch() { h c curl -fsS --cacert "${2:-$TRUST}" --resolve "$1:443:198.18.2.80" --max-time 5 -o /dev/null "https://$1/100"; }
# The gateway's connection table shows that a connection of the client to that port went to the rival.
rival_took() { h g conntrack -L -p "$1" --orig-port-dst "$2" 2> /dev/null | grep -q "sport=$RIVAL_PORT "; }

rival_passes_tls() { rival_fetch n0.bench.test && rival_fetch n96.bench.test && rival_took tcp 443; }
rival_refuses_tls() { ! rival_fetch n104.bench.test; }
# Only its own authority vouches for what it shows.
rival_passes_intercept() { rival_passes_tls && ! rival_fetch n0.bench.test "$CA"; }
rival_refuses_intercept() { ! rival_fetch n104.bench.test; }

rival_ask() { h c dig +short +tries=1 +timeout=2 @198.18.2.53 "$1" A; }
rival_asked() { h g nft -j list counter inet rival asked | jq '.nftables[1].counter.packets'; }
rival_passes_dns() {
    local before after
    [ "$(rival_ask n1.bench.test)" = 198.18.2.81 ] && rival_took udp 53 || return 1
    before=$(rival_asked)
    for _ in 1 2 3; do rival_ask n1.bench.test > /dev/null; done
    after=$(rival_asked)
    echo "3 questions were $((after - before)) to the server behind it" >&2
    if [ $rival_caches = yes ]; then [ "$after" = "$before" ]; else [ $((after - before)) -ge 3 ]; fi
}
rival_refuses_dns() { [ -z "$(rival_ask n104.bench.test)" ]; }

# By name, as the C library resolves it: n104 has an address of its own here only by its name (n4's).
rival_connect() { client curl -fsS --cacert "$CA" --max-time 3 -4 -o /dev/null "https://$1/100"; }
rival_passes_host() { rival_connect n0.bench.test && rival_connect n96.bench.test; }
rival_refuses_host() { ! rival_connect n104.bench.test; }
