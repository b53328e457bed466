# shellcheck shell=bash disable=SC2034,SC2016
# SPDX-License-Identifier: GPL-3.0-or-later
# A small internet in network namespaces, for the tests that source this file.
#
#     c ───── g ───── s     c: the client host, 198.18.1.2, 2001:db8:1::2
#             └────── a     g: the gateway between
#                           s: inside servers: DNS .2.53, web .2.80, .2.81, silent DNS .2.54, slow DNS .2.55,
#                           odd DNS .2.56 (for the attacker's zone odd.test)
#                           a: the attacker, 198.18.3.66, 2001:db8:3::66, who also has the cloud metadata address
#
# A host is a process that holds a network and a mount namespace of its own (an empty /run, its own resolv.conf); it dies
# with the shell that made it, and the namespaces with it: nothing is left, whatever ends the test.  The machine's own network
# is never touched.  SLUICE names the program under test.  Each check prints a line; the last line is the count.
set -u
export LC_ALL=C
SLOW=${SLOW:-1} # how many times the time limits of checks (sanitizers, emulation)
unset SUDO_UID SUDO_GID SUDO_USER SUDO_COMMAND SLUICE_ALLOW # tests set them where they mean them
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SLUICE=$(realpath -m "${SLUICE:-$ROOT/build/sluice}")
TOOLS=${TOOLS:-$ROOT/build/tools}
PYTHON=/usr/bin/python3
PATH=$PATH:/usr/sbin:/sbin
NGINX=$(command -v nginx || echo "$TOOLS/nginx/usr/sbin/nginx")
T=$(mktemp -d "${TMPDIR:-/tmp}/sluice-net.$$.XXXXXX")
chmod 755 "$T"
CGROUPS=$(awk '$(NF-2) == "cgroup2" {print $5; exit}' /proc/self/mountinfo)
CGROUP=/sluice-bed-$$
CA=$T/ca.pem
declare -A HOST=() # name → pid of the process that holds the host
GATE_HOST='' FORM=''
WEB_MORE=${WEB_MORE:-} WEB_LOCATIONS=${WEB_LOCATIONS:-}
passed=0 failed=0 skipped=0

# ---- results ----

t_ok() { passed=$((passed + 1)) && echo "ok   $*"; }
t_skip() { skipped=$((skipped + 1)) && echo "skip $1: $2"; }
t_fail() {
    failed=$((failed + 1))
    echo "FAIL $1"
    [ $# -lt 2 ] || printf '%s\n' "$2" | tail -n 50 | sed 's/^/     | /'
}

# check NAME COMMAND...: runs it (with set -e, its output kept for the case of failure); status 77 is a skip, its last line the reason.
check() {
    local name=$1 status
    shift
    [ -z "$FORM" ] || name="[$FORM] $name"
    (
        set -e
        "$@"
    ) > "$T/check.out" 2>&1
    status=$?
    case $status in
    0) t_ok "$name" ;;
    77) t_skip "$name" "$(tail -n 1 "$T/check.out")" ;;
    *) t_fail "$name" "$(
        uniq "$T/check.out" | tail -n 20 # of what was tried again and again, once
        [ -z "$GATE_HOST" ] || { echo "gate:" && tail -n 20 "$T/gate.log"; }
    )" ;;
    esac
}

finish() {
    # What the sanitizers or the program itself say of its own errors, in any of its outputs.
    if grep -aEl 'AddressSanitizer|LeakSanitizer|runtime error:|assertion|Assertion' "$T"/gate.*.log "$T"/err* 2> /dev/null | grep -q .; then
        t_fail "no sanitizer report" "$(grep -aEh -A 12 'AddressSanitizer|LeakSanitizer|runtime error:|ssertion' "$T"/gate.*.log "$T"/err* 2> /dev/null | head -n 25)"
    fi
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ] && exit 0
    exit 1
}

# ---- small helpers for the bodies of checks ----

die() { echo "$*" && return 1; }
skip() { echo "$*" && exit 77; }
fails() { if "$@"; then die "succeeded, but must not: $*"; fi; }
# status N COMMAND...: the command's exit status is N.
status() {
    local want=$1 got=0
    shift
    "$@" || got=$?
    [ "$got" = "$want" ] || die "status $got, not $want: $*"
}
now_ms() { local t=${EPOCHREALTIME/[.,]/} && echo $((t / 1000)); }
# Milliseconds in which something waited for a processor, so far (Linux counts: PSI; what the host took from a virtual machine: steal).
waited_ms() { awk '$1 == "some" {sub("total=", "", $5); s += $5 / 1000; n++} $1 == "cpu" {s += $9 * 10} END {printf "%d\n", s; exit !n}' /proc/pressure/cpu /proc/stat 2> /dev/null; }
# unwaited LIMIT START WAITED: milliseconds since START, when waited_ms said WAITED.  A time limit is for a machine that has a processor
# for each who wants one: what was waited for them counts only from four times the limit on.
unwaited() {
    local waited=$(($1 * 4)) now
    now=$(waited_ms) && [ $((now - $3)) -lt $waited ] && waited=$((now - $3))
    now=$(($(now_ms) - $2 - waited))
    echo $((now > 0 ? now : 0))
}
# quick MS COMMAND...: it ends within that time; its status is kept.
quick() {
    local limit=$(($1 * SLOW)) start waited got=0 took
    shift
    waited=$(waited_ms) || :
    start=$(now_ms)
    "$@" || got=$?
    took=$(unwaited $limit "$start" "$waited")
    [ "$took" -le $limit ] || die "took $took ms, more than $limit: $*" || return 99
    return $got
}
# eventually SECONDS COMMAND...: becomes true within that time.
eventually() {
    local limit=$(($1 * 1000 * SLOW)) start waited
    shift
    waited=$(waited_ms) || :
    start=$(now_ms)
    until "$@"; do
        [ "$(unwaited $limit "$start" "$waited")" -lt $limit ] || return 1
        sleep 0.05
    done
}
has() { grep -aEq -- "$1" "$2" || { echo "not seen: $1" && tail -n 20 "$2" && return 1; }; }
NONCES=$T/nonces
: > "$NONCES"
nonce() { echo >> "$NONCES" && printf 'n%sx%s' "$(wc -l < "$NONCES")" "$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')"; }

# ---- hosts ----

h() {
    local host=$1
    shift
    nsenter --wdns="$PWD" -t "${HOST[$host]}" -n -m -- "$@"
}

# start LOG HOST COMMAND...: in the background of the test's own shell, with which it ends.
start() {
    local log=$1 host=$2
    shift 2
    : > "$log"
    setpriv --pdeathsig KILL nsenter -t "${HOST[$host]}" -n -m -- "$@" > "$log" 2>&1 &
    disown $!
}

host_up() {
    local name=$1
    : > "$T/resolv.$name"
    setpriv --pdeathsig KILL unshare -n -m --propagation private sh -c '
        mount -t tmpfs -o mode=755 tmpfs /run
        target=$(readlink -m /etc/resolv.conf)
        mkdir -p "${target%/*}" && [ -e "$target" ] || : > "$target"
        mount --bind "$1/resolv.$2" "$target"
        echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad # else the first packets wait a second
        ip link set lo up
        : > "$1/up.$2"
        exec sleep "${BED_SECONDS:-3600}"' sh "$T" "$name" &
    HOST[$name]=$!
    disown $!
    eventually 5 [ -e "$T/up.$name" ] || die "host $name did not come up"
}

# link A IFA B IFB MTU
link() { ip link add "$2" netns "${HOST[$1]}" mtu 1500 type veth peer name "$4" netns "${HOST[$3]}" mtu 1500; }

# address HOST IFACE ADDRESS...
address() {
    local host=$1 interface=$2 one
    shift 2
    h "$host" ip link set "$interface" up
    for one in "$@"; do
        case $one in
        *:*) h "$host" ip -6 addr add "$one" dev "$interface" nodad ;;
        *) h "$host" ip addr add "$one" dev "$interface" ;;
        esac
    done
}

net_up() {
    local host
    for host in c g s a; do host_up $host || exit 1; done
    link c c0 g gc && link g gs s s0 && link g ga a a0 || exit 1
    h g sh -c 'for i in all default gc gs ga; do echo 1 > /proc/sys/net/ipv6/conf/$i/forwarding; done; echo 1 > /proc/sys/net/ipv4/ip_forward'
    address c c0 198.18.1.2/24 2001:db8:1::2/64
    address g gc 198.18.1.1/24 2001:db8:1::1/64
    address g gs 198.18.2.1/24 2001:db8:2::1/64
    address g ga 198.18.3.1/24 2001:db8:3::1/64
    local last
    for last in 53 54 55 56 80 81; do address s s0 198.18.2.$last/24 2001:db8:2::$last/64; done
    address s s0 10.66.0.80/32
    address a a0 198.18.3.66/24 2001:db8:3::66/64 169.254.169.254/32 fd00:ec2::254/128
    h s ip route add local 198.18.4.0/24 dev lo
    h c ip route add default via 198.18.1.1 && h c ip -6 route add default via 2001:db8:1::1
    h s ip route add default via 198.18.2.1 && h s ip -6 route add default via 2001:db8:2::1
    h a ip route add default via 198.18.3.1 && h a ip -6 route add default via 2001:db8:3::1
    h g ip route add 10.66.0.0/16 via 198.18.2.80
    h g ip route add 198.18.4.0/24 via 198.18.2.80
    h g ip route add 198.18.9.0/24 via 198.18.2.53 # for a virtual address that DNAT turns into the resolver's
    h g ip route add 169.254.169.254/32 via 198.18.3.66 && h g ip -6 route add fd00:ec2::254/128 via 2001:db8:3::66
    h c sh -c 'echo "0 2147483647" > /proc/sys/net/ipv4/ping_group_range'
    resolver c 198.18.2.53 2001:db8:2::53
    mkdir -p "$CGROUPS$CGROUP"
}

# resolver HOST ADDRESS...: its resolv.conf.
resolver() {
    local host=$1
    shift
    printf 'nameserver %s\n' "$@" > "$T/resolv.$host"
    echo "options timeout:2 attempts:2" >> "$T/resolv.$host"
}

certificates() {
    local names
    names=$(printf 'DNS:%s,' {allowed,other,cdn,chain0,v4only,v6only,both,split,private,mirror,pinned,short,big,slow}.test a.wild.test stub.test ${CERT_NAMES:-})
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=sluice test CA" \
        -keyout "$T/ca.key" -out "$CA" 2> /dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=allowed.test" -keyout "$T/web.key" -out "$T/web.csr" 2> /dev/null
    openssl x509 -req -in "$T/web.csr" -CA "$CA" -CAkey "$T/ca.key" -CAcreateserial -days 2 \
        -extfile <(echo "subjectAltName=${names%,}") -out "$T/web.pem" 2> /dev/null
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=allowed.test" \
        -keyout "$T/evil.key" -out "$T/evil.pem" 2> /dev/null
    chmod 644 "$T"/*.key
}

# CERT_NAMES: more names for the certificate; DNS_MORE: more lines (words) of dnsmasq's configuration; WEB_MORE, WEB_LOCATIONS: more of nginx's ($T is replaced).
# The inside DNS: zone "test" by dnsmasq; evil.test is the attacker's, slow.test goes to the slow resolver.
dns_up() {
    local i
    {
        printf '%s\n' no-resolv no-hosts no-daemon user=root log-queries=extra log-facility=- local=/test/ cache-size=0 edns-packet-max=4096 bind-interfaces \
            listen-address=198.18.2.53,2001:db8:2::53 server=/evil.test/198.18.3.66 server=/slow.test/198.18.2.55 server=/odd.test/198.18.2.56 pid-file=
        for i in allowed other cdn both pinned short; do echo "host-record=$i.test,198.18.2.80,2001:db8:2::80"; done
        echo "host-record=mirror.test,198.18.2.81,2001:db8:2::81"
        echo "host-record=tcp.test,198.18.2.81,2001:db8:2::81"
        echo "host-record=a.wild.test,198.18.2.80,2001:db8:2::80"
        echo "host-record=deep.a.wild.test,198.18.2.80"
        echo "host-record=v4only.test,198.18.2.80"
        echo "host-record=v6only.test,2001:db8:2::80"
        echo "host-record=quic4.test,198.18.2.81"
        echo "host-record=quic6.test,2001:db8:2::81"
        echo "host-record=private.test,10.66.0.80"
        echo "host-record=split.test,10.66.0.80"
        echo "host-record=meta.test,169.254.169.254,fd00:ec2::254"
        echo "host-record=loop.test,127.0.0.1,::1"
        echo "cname=chain0.test,chain1.test"
        echo "cname=chain1.test,chain2.test"
        echo "cname=chain2.test,mirror.test"
        echo "txt-record=allowed.test,some text"
        for i in {1..100}; do echo "host-record=big.test,198.18.4.$i"; done
        printf '%s\n' ${DNS_MORE:-}
    } > "$T/dnsmasq.conf"
    start "$T/dns.log" s dnsmasq -C "$T/dnsmasq.conf"
    eventually 10 grep -q started "$T/dns.log" || { cat "$T/dns.log" && exit 1; }
}

web_up() {
    mkdir -p "$T/www" "$T/nginx"
    head -c 48M < <(openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 -in /dev/zero 2> /dev/null) > "$T/www/large"
    head -c 1M "$T/www/large" > "$T/www/medium"
    echo "welcome" > "$T/www/index.html"
    cat > "$T/nginx.conf" <<CONF
daemon off; master_process off; pid $T/nginx/pid; error_log $T/nginx/error.log; user root;
events { worker_connections 1024; }
http {
    log_format line '\$host "\$request" \$status \$remote_addr \$connection_requests';
    access_log $T/nginx/access.log line;
    client_body_temp_path $T/nginx/b; proxy_temp_path $T/nginx/p; fastcgi_temp_path $T/nginx/f; uwsgi_temp_path $T/nginx/u; scgi_temp_path $T/nginx/s;
    default_type application/octet-stream; ssl_certificate $T/web.pem; ssl_certificate_key $T/web.key; ssl_protocols TLSv1.2 TLSv1.3; keepalive_timeout 60;
    server {
        listen 80 default_server; listen [::]:80 default_server; listen 443 ssl http2 default_server; listen [::]:443 ssl http2 default_server;
        root $T/www;
        location = /hello { return 200 "hello from \$host\n"; }
        location = /slow { alias $T/www/large; limit_rate 4m; }
        ${WEB_LOCATIONS//\$T/$T}
        location / { }
    }
    ${WEB_MORE//\$T/$T}
}
CONF
    start "$T/nginx.log" s "$NGINX" -p "$T/nginx" -c "$T/nginx.conf"
    eventually 10 h s bash -c 'exec 3<> /dev/tcp/198.18.2.80/443' 2> /dev/null || { cat "$T/nginx.log" && exit 1; }
}

far_up() {
    local host=$1
    shift
    start "$T/far.$host" "$host" "$PYTHON" "$ROOT/tests/netns/far.py" "$@"
    eventually 15 grep -q ready "$T/far.$host" || { cat "$T/far.$host" && exit 1; }
}

# capture HOST IFACE: all that its interface sees, to $T/HOST.pcap.
capture() {
    rm -f "$T/$1.pcap"
    start "$T/tcpdump.$1" "$1" tcpdump -i "$2" -n -U --immediate-mode -s 0 -B 16384 -Z root -w "$T/$1.pcap" "${3:-ip or ip6}"
    eventually 10 grep -q listening "$T/tcpdump.$1" || { cat "$T/tcpdump.$1" && exit 1; }
}

# The whole bed.
bed() {
    trap bed_down EXIT
    trap 'exit 130' INT TERM HUP
    [ "$(id -u)" = 0 ] || { echo "skip everything: needs root" && echo "0 passed, 0 failed, 1 skipped" && exit 0; }
    [ -n "$CGROUPS" ] || { echo "no cgroup v2 is mounted" && exit 1; }
    net_up
    certificates
    dns_up
    web_up
    far_up s inside
    far_up a attacker "$T/evil.pem" "$T/evil.key"
    capture a a0
}

# Ends whatever lives in our namespaces (the gate's processes start each other again: until none is left).
bed_down() {
    local round host own namespace pid some
    trap - EXIT
    own=$(readlink /proc/self/ns/net)
    for round in {1..50}; do
        some=
        for host in "${HOST[@]}"; do
            # One that died before may have left its number to a process of the machine's.
            namespace=$(readlink "/proc/$host/ns/net") && [ "$namespace" != "$own" ] || continue
            for pid in $(pgrep --ns "$host" --nslist net . 2> /dev/null); do
                [ "$(readlink "/proc/$pid/ns/net")" = "$namespace" ] || continue
                case " ${HOST[*]} " in *" $pid "*) continue ;; esac
                kill -KILL "$pid" 2> /dev/null
                some=1
            done
        done
        [ -n "$some" ] || break
    done
    [ ${#HOST[@]} = 0 ] || kill -KILL "${HOST[@]}" 2> /dev/null
    wait 2> /dev/null
    [ -z "$CGROUPS" ] || find "$CGROUPS$CGROUP" -depth -type d -exec rmdir {} \; 2> /dev/null
    if [ -n "${KEEP:-}" ]; then echo "kept: $T"; else rm -rf "$T"; fi
}

# ---- what arrived at the far side ----

# Waits until the capture of HOST holds a packet that HOST itself sends now: then it holds all that came before.  It is sent until it is
# there: tcpdump that gets no processor may lose one.
declare -A TOWARD=([a]=198.18.3.1 [s]=198.18.2.1 [g]=198.18.1.2)
settle() {
    local host=${1:-a} mark
    mark=settled-$(nonce)
    eventually 10 settled "$host" "$mark" || die "the capture of $host stands still"
}
settled() {
    h "$1" bash -c "printf %s $2 > /dev/udp/${TOWARD[$1]}/9" || return 1
    for _ in {1..10}; do
        ! grep -aq "$2" "$T/$1.pcap" || return 0
        sleep 0.02
    done
    return 1
}
expect_arrived() { settle "${2:-a}" && grep -aq -- "$1" "$T/${2:-a}.pcap" || die "did not arrive at ${2:-a}: $1"; }
expect_not_arrived() {
    settle "${2:-a}" || return 1
    if grep -aq -- "$1" "$T/${2:-a}.pcap"; then die "arrived at ${2:-a}: $1"; fi
}
# Of attempts that say so: none at the attacker or at the servers.
nothing_escaped() {
    settle a
    fails grep -aq escaped- "$T/a.pcap"
    settle s
    fails grep -aq escaped- "$T/s.pcap"
    [ "$(arrived_count)" = 0 ]
}
# How many packets of the client reached the attacker so far.
arrived_count() {
    settle a > /dev/null
    tcpdump -n -r "$T/a.pcap" 'src net 198.18.1.0/24 or src net 2001:db8:1::/64' 2> /dev/null | wc -l
}

# ---- the gate ----

# policy FILE PROFILE-LINES...: scope "test" for the client, in the form FORM ("output": its cgroup; "forward": its addresses).
policy() {
    local file=$1 match
    shift
    case $FORM in
    forward) match='{ source: [198.18.1.0/24, "2001:db8:1::/64"] }' ;;
    *) match="{ cgroup: $CGROUP }" ;;
    esac
    cat > "$file" <<YAML
version: 1
resolvers: [${RESOLVERS:-198.18.2.53, "2001:db8:2::53"}]
profiles:
  test:
    allow:
$(printf '      - %s\n' "$@")
${DENY:+    deny: [$DENY]}
${PROFILE_MORE:+    $PROFILE_MORE}
scopes:
  - name: test
    match: $match
    profile: test
    mode: ${MODE:-enforce}
unmatched: pass
YAML
}

# What most tests allow.
ALLOW=(allowed.test http://allowed.test cdn.test chain0.test v4only.test v6only.test both.test '"**.wild.test"' tcp://tcp.test:9000-9001
    tcp://mirror.test:2525 udp://mirror.test:9123 http://mirror.test big.test slow.test 'split.test@10.66.0.0/16' private.test
    meta.test loop.test '"**.odd.test"')

# gate_up FORM POLICY: starts `sluice gate` there, waits until it holds.
gate_up() {
    local end=$((SECONDS + 60 * SLOW))
    FORM=$1
    GATE_HOST=c
    [ "$FORM" != forward ] || GATE_HOST=g
    : > "$T/events"
    GATES=$((${GATES:-0} + 1))
    ln -sfn "gate.$GATES.log" "$T/gate.log"
    start "$T/gate.log" $GATE_HOST "$SLUICE" gate -c "$2" --events "$T/events"
    GATE=$!
    until grep -q 'gate ready' "$T/gate.log" && h $GATE_HOST "$SLUICE" status > /dev/null 2>&1; do
        if [ $SECONDS -ge $end ] || dead $GATE; then
            t_fail "the gate starts ($FORM)" "$(cat "$T/gate.log")"
            finish
        fi
        sleep 0.1
    done
}

gate_down() {
    [ -n "$GATE_HOST" ] || return 0
    kill -TERM "$GATE" 2> /dev/null
    eventually 15 dead "$GATE" || t_fail "the gate ends on SIGTERM ($FORM)" "$(tail -n 5 "$T/gate.log")"
    h "$GATE_HOST" "$SLUICE" down > "$T/down.log" 2>&1 || t_fail "sluice down ($FORM)" "$(cat "$T/down.log")"
    GATE_HOST='' FORM=''
}

# The pid of a role of the gate, also by the name that `status` has for it.  The foreground process of `sluice gate` is the launcher, under its own name, until another takes over.
role_pid() {
    pgrep --ns "${HOST[$GATE_HOST]}" --nslist net -x "sluice-${1/%inspector/inspect}" && return
    [ "$1" = launcher ] && pgrep --ns "${HOST[$GATE_HOST]}" --nslist net -x "$(basename "$SLUICE" | cut -c 1-15)"
}
dead() { ! kill -0 "$1" 2> /dev/null; }
gate_on() { [ -n "$GATE_HOST" ]; }

# client COMMAND...: in the scope of the gate that runs, or just in c.
client() {
    if [ "$FORM" = output ]; then
            h c sh -c 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"' sh "$CGROUPS$CGROUP" "$@"
    else
        h c "$@"
    fi
}

# in_cgroup PATH COMMAND...: in c, in a cgroup below the bed's own, which is made if it is not there.
in_cgroup() {
    local path=$1
    shift
    mkdir -p "$CGROUPS$CGROUP/$path"
    h c sh -c 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"' sh "$CGROUPS$CGROUP/$path" "$@"
}
fetch() { client curl -sS --cacert "$CA" --max-time 200 "$@"; }

# refused REASON WHAT COMMAND...: fails within a second, and an event says so: its reason matches, and it holds WHAT.
refused() {
    local reason=$1 what=$2 from got=0
    shift 2
    from=$(wc -l < "$T/events")
    quick 1000 "$@" || got=$?
    [ $got != 99 ] || return 1
    [ $got != 0 ] || die "was not refused: $*" || return 1
    said "$from" "$reason" "$what"
}
# said LINE REASON WHAT: the events file holds it behind that line.
said() {
    eventually 10 event_seen "$1" "$2" "$3" || {
        echo "no event with reason $2 and $3; behind line $1 are:"
        tail -n +$(($1 + 1)) "$T/events" | cut -c 1-600
        return 1
    }
}
event_seen() { tail -n +$(($1 + 1)) "$T/events" | grep -E "\"reason\" *: *\"($2)\"" | grep -Fq -- "$3"; }

# An attack is a function that takes a nonce.  attack_reaches FUNCTION: without a gate the nonce arrives at the attacker (so it
# is a real attack).  attack_refused REASON WHAT FUNCTION: with the gate no packet of the client arrives there, and an event says why.
attack_reaches() {
    local n
    n=$(nonce)
    "$1" "$n" || true
    eventually 10 expect_arrived "$n" > /dev/null || die "even without the gate it did not arrive: $1"
}
attack_refused() {
    local n from before
    n=$(nonce)
    before=$(arrived_count)
    from=$(wc -l < "$T/events")
    "$3" "$n" || true
    sleep 0.2
    expect_not_arrived "$n" || return 1
    [ "$(arrived_count)" = "$before" ] || die "$(($(arrived_count) - before)) packets reached the attacker" || return 1
    said "$from" "$1" "${2:-$n}"
}
near() { client "$PYTHON" "$ROOT/tests/netns/near.py" "$@"; }
