# shellcheck shell=bash disable=SC1091,SC2016,SC2034,SC2209,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# Legitimate work is not refused: what builds do (legit_client.sh, a case each) works through the gate in output and forward form and
# under `sluice run` exactly as without it: the same outcome, no refusal in the events, and no waiting for a time-out.  What a case needs
# and this machine lacks is a skip.  For test_legit.sh, test_git.sh, test_resolve.sh, test_browser.sh, which say the CASES.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/legit_servers.sh"
servers_names
# The browser that was unpacked, where every user may read it: a program in one package, what it reads beside it in another.
client_browser() {
    local file
    mkdir "$T/browser"
    for file in "$TOOLS"/chromium-headless-shell/usr/lib/chromium/* "$TOOLS"/chromium-common/usr/lib/chromium/*.{dat,bin}; do
        [ -f "$file" ] || continue
        : > "$T/browser/${file##*/}"
        h c mount --bind "$file" "$T/browser/${file##*/}" || rm -f "$T/browser/${file##*/}"
    done
}
bed
servers_web
case " $CASES " in *' git_'*) servers_git ;; esac
case " $CASES " in *' apt '*) servers_apt ;; esac
case " $CASES " in *' java '*) servers_clients ;; esac
case " $CASES " in *' chromium '*) servers_page && client_browser ;; esac
# Where every user may read it, whoever's folder the clone lies in.
mkdir -p "$T/client" && cp "$ROOT"/tests/netns/legit_client.* "$T/client" && chmod -R a+rX "$T/client"
export T CA SLOW
ALLOWED=(git.test http://git.test tcp://git.test:22 tcp://git.test:9418 deb.test http://deb.test allowed.test v4only.test v6only.test chain0.test 'pool{0..9}.test')

# A resolv.conf as a company's: its search domains are known to the gate from its own host's.  Each of the options holds for all of a case.
OPTIONS=('use-vc' 'edns0' 'rotate edns0 trust-ad' 'single-request' 'single-request-reopen' 'ndots:5')
resolv_conf() {
    local host
    for host in c g; do
        resolver $host 198.18.2.53 2001:db8:2::53
        printf 'search corp.test lab.corp.test\n%s\n' "${1:+options $1}" >> "$T/resolv.$host"
    done
}
run_case() {
    if [ "$FORM" = run ]; then
        h c env SUDO_UID=65534 SUDO_GID=65534 SUDO_USER=nobody T="$T" CA="$CA" "$SLUICE" run -p "$T/run.yaml" --profile test --events "$T/events" -- \
            bash "$T/client/legit_client.sh" "$1"
    else
        client bash "$T/client/legit_client.sh" "$1"
    fi
}
resolve_options() {
    local option got=0
    for option in "${OPTIONS[@]}"; do
        resolv_conf "$option"
        run_case resolve_short || { got=$? && echo "with: $option" && break; }
    done
    resolv_conf ''
    return $got
}
work() {
    if [ "$1" = resolve_options ]; then resolve_options; else run_case "$1"; fi
}
# As the tools work without the gate: a case that fails there, or whose tool is missing, is not asked later.
plain() {
    local start
    start=$(now_ms)
    rtos > "$T/rtos"
    work "$1" || return $?
    echo "$(($(now_ms) - start))/$(($(rtos) - $(cat "$T/rtos")))" > "$T/took.$1.plain"
}
# Retransmission time-outs of the client's TCP so far: each is a wait that a user would see.
rtos() { h c awk '/^TcpExt:/ { if (!n) n = split($0, name); else { split($0, v); for (i = 2; i <= n; i++) if (name[i] == "TCPTimeouts") print v[i] } }' /proc/net/netstat; }
through() {
    local start from took before got=0 attempt waits waited limit
    from=$(wc -l < "$T/events")
    before=$(cat "$T/took.$1.plain")
    limit=$(((${before%/*} * 3 + 4000) * SLOW))
    for attempt in 1 2; do
        waited=$(waited_ms) || :
        start=$(now_ms)
        waits=$(rtos)
        work "$1" || got=$?
        took=$(($(now_ms) - start))
        echo "$took/$(($(rtos) - waits))" > "$T/took.$1.$FORM"
        took=$(unwaited $limit "$start" "$waited")
        # A wait for a time-out (a second query after 2 s, a retransmission) would show again; a machine that is busy would not.
        [ $got = 0 ] && [ $took -gt $limit ] || break
    done
    sleep 0.2
    tail -n +$((from + 1)) "$T/events" | jq -c 'select(.sluice.verdict != "allow" and .sluice.verdict != "ignored") | [.sluice.verdict, .event.action, .event.reason, .dns.question, .destination, .process.name]' > "$T/denied"
    if [ -s "$T/denied" ]; then
        head -n 12 "$T/denied"
        die "$(wc -l < "$T/denied") refusals of legitimate work" || return 1
    fi
    [ $got = 0 ] || die "status $got" || return 1
    [ $attempt = 1 ] || [ $took -le $limit ] || die "took $took ms and more before, ${before%/*} ms without the gate"
}

resolv_conf ''
ready=()
chmod 1777 "$T"
for one in $CASES; do
    FORM=''
    check "without the gate: $one" plain "$one"
    [ -e "$T/took.$one.plain" ] && ready+=("$one")
done
for form in output forward; do
    FORM=$form
    policy "$T/policy.yaml" "${ALLOWED[@]}"
    gate_up $form "$T/policy.yaml"
    for one in "${ready[@]}"; do check "$one" through "$one"; done
    gate_down
done
FORM=run
{ echo 'version: 1' && echo 'profiles:' && echo '  test:' && echo '    allow:' && printf '      - %s\n' "${ALLOWED[@]}" && echo "    ${PROFILE_MORE:-}"; } > "$T/run.yaml"
: > "$T/events"
for one in "${ready[@]}"; do check "$one" through "$one"; done
FORM=''
printf '     %-18s %10s %10s %10s %10s  (milliseconds/retransmission time-outs)\n' case without output forward run
for one in "${ready[@]}"; do
    printf '     %-18s' "$one"
    for form in plain output forward run; do printf ' %10s' "$(cat "$T/took.$one.$form" 2> /dev/null || echo -)"; done
    echo
done
finish
