# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-3.0-or-later
# The benchmark's bed, sourced by rows/*.sh.  Namespaces as in tests/netns/lib.sh (hosts die with the shell, nothing is left):
#
#     c ───── g ───── s     c: the client, 198.18.1.2, 2001:db8:1::2
#                           g: the gateway
#                           s: DNS .2.53, web .2.80 … .2.87 (TLS 443, plain 80), and the same below 2001:db8:2::
#
# Every name nN.bench.test stands for web address 80 + N mod 8.  FORM says where the gate is: "forward": in g; "output": in c, whose
# own connections it judges.  GATE is that host's name; `h $GATE COMMAND` runs there, `start LOG $GATE COMMAND` in the background.
#
#     bench_bed                    everything up; ends at exit
#     form forward|output
#     variant_up NAME              none, tracked (conntrack and one rule), bare_all, bare_mark, sluice, sluice_slow, or a
#                                  rival (rivals/NAME.sh)
#                                  or, as a row's own function up_NAME; a NAME that begins with sluice is ended as sluice is
#     variant_down
#     rivals KIND...               the rivals of these kinds (rivals.sh), for a row's variants
#     rounds FUNCTION VARIANT...   ROUNDS times each variant, the order turned each round; FUNCTION VARIANT measures
#     beside KIND...               rounds measures the rivals of these kinds too (rivals.sh), RIVAL_ROUNDS times
#     result ROW VARIANT VALUE UNIT            note ROW TEXT
#     load PROGRAM ARGUMENT...     a load generator at the client, in the scope: prints its line of key value pairs
#     field KEY < line             one of them
#
# FORMS: "forward output", what most rows go through.  MSEC: how long a measurement is; ROUNDS.  BENCH_SHORT=1 (the smoke test): as short as can be.
source "$(dirname "${BASH_SOURCE[0]}")/../netns/lib.sh"
BENCH=$(realpath -m "${BENCH:-$ROOT/build/bench}") # the programs of load/ and bare/
HERE=$ROOT/tests/bench
BED_CGROUP=/sluice-bench-$$ # all of the bed
CGROUP=$BED_CGROUP/scope    # what the gate judges in output form
HOME_CGROUP=$(sed -n 's/^0:://p' /proc/self/cgroup)
WORK=$T # a directory that goes with the bed
OTHERS_MOST=10 # percent of the processors that somebody else may have while something is measured; report knows it too
MSEC=${MSEC:-2000} ROUNDS=${ROUNDS:-5} WARM=${WARM:-300} RIVAL_ROUNDS=${RIVAL_ROUNDS:-3}
[ -z "${BENCH_SHORT:-}" ] || { MSEC=150 ROUNDS=1 WARM=50; }
FORMS=${FORMS:-forward output}
TRUST=''        # the CA that clients trust: ours, or that of a rival that ends TLS
RIVAL_KINDS=''  # of rivals.sh: measured too; RIVAL_ROUNDS=0: none
NAMES=${NAMES:-100}
COPY=${COPY:-2048} # of a packet, to the bare program
GATE='' VARIANT='' GATE_PID=''
BENCH_ALLOW=("n{0..$((NAMES - 1))}.bench.test" "http://n{0..$((NAMES - 1))}.bench.test")
POLICY_MORE=${POLICY_MORE:-} # more top-level lines of sluice's policy

say() { echo "$*" >&2; }
give_up() { say "bench: $*" && exit 1; }
result() { echo "result $1 $2 $3 $4"; }
note() { echo "note $*"; }
field() { awk -v key="$1" '{for (i = 1; i < NF; i++) if ($i == key) print $(i + 1)}'; }

bench_bed() {
    local host last
    trap bench_down EXIT
    trap 'exit 130' INT TERM HUP
    [ "$(id -u)" = 0 ] || give_up "needs root"
    [ -n "$CGROUPS" ] || give_up "no cgroup v2 is mounted"
    mkdir -p "$CGROUPS$CGROUP" && echo $$ > "$CGROUPS$BED_CGROUP/cgroup.procs" || give_up "no cgroup"
    for host in c g s; do host_up $host || exit 1; done
    link c c0 g gc && link g gs s s0 || exit 1
    h g sh -c 'for i in all default gc gs; do echo 1 > /proc/sys/net/ipv6/conf/$i/forwarding; done; echo 1 > /proc/sys/net/ipv4/ip_forward'
    address c c0 198.18.1.2/24 2001:db8:1::2/64
    address g gc 198.18.1.1/24 2001:db8:1::1/64
    address g gs 198.18.2.1/24 2001:db8:2::1/64
    for last in 53 80 81 82 83 84 85 86 87; do address s s0 198.18.2.$last/24 2001:db8:2::$last/64; done
    h c ip route add default via 198.18.1.1 && h c ip -6 route add default via 2001:db8:1::1
    h s ip route add default via 198.18.2.1 && h s ip -6 route add default via 2001:db8:2::1
    # Enough ports, and memory of past connections that is neither full nor forgotten in the middle of a measurement.
    h c sh -c 'echo "1024 65535" > /proc/sys/net/ipv4/ip_local_port_range'
    for host in c g; do
        h $host sh -c 'echo 10 > /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_time_wait' 2> /dev/null
    done
    resolver c 198.18.2.53 2001:db8:2::53
    bench_certificate
    start "$T/dns.log" s "$BENCH/dns_server" 53 8 198.18.2.80 2001:db8:2::80 198.18.2.53 2001:db8:2::53
    start "$T/web.log" s "$BENCH/web_server" "$T/web.pem" "$T/web.key" 443 80 2
    eventually 10 grep -q ready "$T/dns.log" || { cat "$T/dns.log" && exit 1; }
    eventually 10 grep -q ready "$T/web.log" || { cat "$T/web.log" && exit 1; }
}

bench_down() {
    echo $$ > "$CGROUPS$HOME_CGROUP/cgroup.procs"
    bed_down
    find "$CGROUPS$BED_CGROUP" -depth -type d -exec rmdir {} \; 2> /dev/null
}

# A CA (CA, ca.key) and the server's certificate for *.bench.test, both ECDSA on P-256.
bench_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=bench CA" -keyout "$T/ca.key" -out "$CA" 2> /dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=bench" -keyout "$T/web.key" -out "$T/web.csr" 2> /dev/null
    openssl x509 -req -in "$T/web.csr" -CA "$CA" -CAkey "$T/ca.key" -CAcreateserial -days 2 \
        -extfile <(echo "subjectAltName=DNS:*.bench.test") -out "$T/web.pem" 2> /dev/null
    chmod 644 "$T"/*.key
}

form() {
    FORM=$1
    GATE=g
    [ "$FORM" != output ] || GATE=c
}

load() {
    local program=$1
    shift
    client "$BENCH/$program" "$@"
}

# processes_of PID...: these and all below them.
processes_of() {
    local pid generation=("$@")
    while [ ${#generation[@]} -gt 0 ]; do
        printf '%s\n' "${generation[@]}"
        mapfile -t generation < <(for pid in "${generation[@]}"; do pgrep -P "$pid"; done)
    done
}

# ---- variants ----

# The packets of the two directions, each met where sluice meets it.
bare_rules() {
    local out back both
    if [ "$FORM" = output ]; then
        out='type filter hook output priority -160; oifname != "c0" accept;'
        back='type filter hook input priority 110; iifname != "c0" accept;'
        both='type filter hook input priority 111;'
    else
        out='type filter hook prerouting priority -160; iifname != "gc" accept;'
        back='type filter hook postrouting priority 110; oifname != "gc" accept;'
        both='type filter hook postrouting priority 111;'
    fi
    echo "table inet bare { chain to_tcp { }; chain to_udp { };"
    if [ "$1" = mark ]; then
        # An acknowledgment without payload needs no queue (DESIGN s3), nor does the server's SYN.
        local four='' six='' words
        for words in {5..15}; do four+="$words . $((20 + words * 4))," six+="$words . $((words * 4)),"; done
        echo "chain ack {
            tcp flags & (syn|ack) == syn|ack ct direction reply accept
            ct state established ip hdrlength 5 tcp flags & (syn|rst|fin|urg|ack) == ack tcp doff . ip length { ${four%,} } accept
            ct state established tcp flags & (syn|rst|fin|urg|ack) == ack ip6 nexthdr tcp tcp doff . ip6 length { ${six%,} } accept
            }
            chain out { $out ct mark 1 accept; meta l4proto tcp jump ack; meta l4proto tcp jump to_tcp; meta l4proto udp jump to_udp; }
            chain back { $back ct mark 1 accept; meta l4proto tcp jump ack; meta l4proto tcp jump to_tcp; meta l4proto udp jump to_udp; }
            chain conclude { $both meta mark 1 ct mark set 1; }"
    else
        echo "chain out { $out meta l4proto tcp jump to_tcp; meta l4proto udp jump to_udp; }
            chain back { $back meta l4proto tcp jump to_tcp; meta l4proto udp jump to_udp; }"
    fi
    echo "}"
}

bare_up() {
    bare_rules "$1" > "$T/bare.nft"
    h $GATE nft -f "$T/bare.nft" || give_up "the bare program's rules"
    start "$T/bare.log" $GATE "$BENCH/bare" "$1" "$COPY" bare to_tcp to_udp
    GATE_PID=$!
    eventually 10 grep -q ready "$T/bare.log" || { cat "$T/bare.log" >&2 && give_up "the bare program"; }
}
bare_down() {
    h $GATE nft delete table inet bare
    kill "$GATE_PID" 2> /dev/null
    eventually 5 dead "$GATE_PID"
}

# sluice_up [LINE...]: lines of the policy's top level.
sluice_up() {
    local tries
    ${POLICY_BY:-policy} "$T/policy.yaml" "${BENCH_ALLOW[@]}" # a row may have its own
    printf '%s\n' "$@" ${POLICY_MORE:+"$POLICY_MORE"} >> "$T/policy.yaml"
    : > "$T/events"
    start "$T/gate.log" $GATE "$SLUICE" gate -c "$T/policy.yaml" --events "$T/events"
    GATE_PID=$!
    for tries in {1..300}; do
        grep -q 'gate ready' "$T/gate.log" && h $GATE "$SLUICE" status > "$T/status" 2>&1 && return
        kill -0 $GATE_PID 2> /dev/null || break
        sleep 0.1
    done
    cat "$T/gate.log" >&2
    give_up "sluice does not start"
}
sluice_down() {
    kill -TERM "$GATE_PID" 2> /dev/null
    eventually 10 dead "$GATE_PID" || give_up "sluice does not end"
    h $GATE "$SLUICE" down > "$T/down.log" 2>&1
}

# Fails where a rival does not work here.
variant_up() {
    VARIANT=$1 TRUST=$CA
    if declare -F "up_$1" > /dev/null; then # a row's own
        "up_$1"
        return
    fi
    case $1 in
    none) ;;
    tracked)
        h $GATE nft -f - <<< 'table inet tracked { chain a { type filter hook prerouting priority -160; ct mark 1 accept; }
            chain b { type filter hook output priority -160; ct mark 1 accept; }
            }' || give_up "conntrack"
        ;;
    bare_all) bare_up all ;;
    bare_mark) bare_up mark ;;
    sluice) sluice_up ;;
    sluice_slow) sluice_up 'fast_path: off' ;;
    *)
        [ -e "$HERE/rivals/$1.sh" ] || give_up "no variant $1"
        # shellcheck disable=SC1090
        source "$HERE/rivals/$1.sh"
        rival_up
        ;;
    esac
}

variant_down() {
    local host
    case $VARIANT in
    none) ;;
    tracked) h $GATE nft delete table inet tracked ;;
    bare_*) bare_down ;;
    sluice*) sluice_down ;;
    *) rival_down ;;
    esac
    # The next variant begins without connections.
    h $GATE conntrack -F > /dev/null 2>&1
    for host in c g; do h $host ss -tK state time-wait > /dev/null 2>&1; done
    VARIANT=''
}

# gate_memory: what all processes of the gate that runs have in memory, in KiB: the proportional part of what they share (Pss), and
# each page of each process (Rss).
gate_memory() {
    local pid pids
    pids=$(pgrep --ns "${HOST[$GATE]}" --nslist net '^sluice')
    for pid in $pids; do cat "/proc/$pid/smaps_rollup" 2> /dev/null; done | awk '/^Pss:/ {p += $2} /^Rss:/ {r += $2} END {print p, r}'
}

# ---- rounds ----

# What others used of the processors while something was measured, in percent: the time of programs that are not in the bed's cgroup.
# Beside a busy neighbour no figure counts.
spent() {
    local all
    read -ra all < /proc/stat
    echo "${all[*]:1}" "$(sed -n 's/^user_usec //p' "$CGROUPS$BED_CGROUP/cpu.stat")"
}
others() {
    awk -v b="$1" -v a="$(spent)" -v hz="$(getconf CLK_TCK)" 'BEGIN {
        split(b, x)
        n = split(a, y)
        for (i = 1; i <= 8; i++) all += y[i] - x[i]
        theirs = (y[1] - x[1] + y[2] - x[2]) - (y[n] - x[n]) * hz / 1e6
        printf("others %.0f\n", (all > 0 && theirs > 0) ? 100 * theirs / all : 0)
    }'
}

beside() { RIVAL_KINDS=$*; }
# The rivals of RIVAL_KINDS that have their place in this form.
rivals() {
    local kind
    [ "$RIVAL_ROUNDS" != 0 ] || return 0
    for kind in $RIVAL_KINDS; do
        case $kind in
        host*) [ "$FORM" = output ] || continue ;;
        *) [ "$FORM" = forward ] || continue ;;
        esac
        grep -l "^rival_kind=$kind$" "$HERE"/rivals/*.sh | sed 's,.*/,,; s/\.sh$//'
    done
}
is_rival() { [ -e "$HERE/rivals/$1.sh" ]; }

# Measures the variant that is up: again, up to three times, where somebody else was busy meanwhile.
undisturbed() {
    local try before
    for try in {1..3}; do
        before=$(spent)
        "$1" "$VARIANT" > "$T/measured"
        others "$before" > "$T/others"
        [ -z "${BENCH_SHORT:-}" ] && [ "$(field others < "$T/others")" -gt "$OTHERS_MOST" ] || break
        say "    disturbed ($(cat "$T/others") %)"
    done
    cat "$T/measured" "$T/others"
}

rounds() {
    local function=$1 round i variants
    local -A left=()
    shift
    mapfile -t variants < <(printf '%s\n' "$@" && rivals)
    for ((round = 0; round < ROUNDS; round++)); do
        for ((i = 0; i < ${#variants[@]}; i++)); do
            VARIANT=${variants[(i + round) % ${#variants[@]}]}
            if is_rival "$VARIANT"; then # one that did not work is not tried again
                [ "${left[$VARIANT]:=$RIVAL_ROUNDS}" -gt 0 ] || continue
                left[$VARIANT]=$((left[$VARIANT] - 1))
            fi
            variant_up "$VARIANT" || { left[$VARIANT]=0 && continue; }
            say "  $FORM, round $((round + 1)) of $ROUNDS: $VARIANT"
            undisturbed "$function"
            variant_down
        done
    done
}
