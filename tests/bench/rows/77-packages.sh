#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2154,SC2329
# Package managers against their own registries, with and without `sluice run`: npm (some sixty packages), pip (ten), cargo (some fifty
# crates).  Every cache is empty each time.  Which registry, the tool itself says; a tool that is not here, or whose registry does not
# answer without the gate, is skipped.  The way out of the client's namespace is slirp4netns, as in tests/netns/test_packages.sh.
source "$(dirname "$0")/../bed.sh"
[ "$ROUNDS" -lt 5 ] || ROUNDS=5
SLIRP=$(command -v slirp4netns || echo "$TOOLS/slirp4netns/usr/bin/slirp4netns")
trap bed_down EXIT
trap 'exit 130' INT TERM HUP
skip_all() { note packages-npm "skipped: $1" && note packages-pip "skipped: $1" && note packages-cargo "skipped: $1" && exit 0; }
[ -x "$SLIRP" ] && [ -c /dev/net/tun ] || skip_all "slirp4netns does not work here"
host_up c
printf 'nameserver 10.0.2.3\n' > "$T/resolv.c"
setpriv --pdeathsig KILL "$SLIRP" --configure --mtu=1400 --disable-host-loopback "${HOST[c]}" tap0 > "$T/slirp.log" 2>&1 &
disown $!
eventually 10 h c sh -c 'ip route | grep -q default' || skip_all "slirp4netns does not work here"
chmod 711 "$T"

host_of() { sed -E 's,^[a-z+]*(\+|:)?(https?://)?,,; s,^sparse\+,,; s,^https?://,,; s,[/:].*,,'; }
fresh() {
    rm -rf "${T:?}/work" "${T:?}/home" && mkdir -p "$T/work" "$T/home"
    $PREPARE
    chmod -R 777 "$T/work" "$T/home"
}
# once none|run COMMAND...: milliseconds, or nothing where it failed.
once() {
    local variant=$1 began
    shift
    fresh
    began=$(now_ms)
    if [ "$variant" = none ]; then
        (cd "$T/work" && h c setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$T/home" TMPDIR="$T/home" timeout 90 "$@") > "$T/out" 2>&1 || return
    else
        (cd "$T/work" && h c env HOME="$T/home" TMPDIR="$T/home" SUDO_UID=65534 SUDO_GID=65534 SUDO_USER=nobody \
            timeout 90 "$SLUICE" run "${ALLOWED[@]}" -- "$@") > "$T/out" 2>&1 || return
    fi
    echo $(($(now_ms) - began))
}
# compare TOOL PREPARE HOSTS COMMAND...
compare() {
    local tool=$1 name round variant took order
    PREPARE=$2 ALLOWED=()
    for name in $3; do ALLOWED+=(--allow "$name"); done
    shift 3
    took=$(once none "$@")
    [ -n "$took" ] || { note "packages-$tool" "skipped: it does not work here without the gate: $(grep -v '^ *$' "$T/out" | tail -n 1 | cut -c 1-100)" && return; }
    for ((round = 0; round < ROUNDS; round++)); do
        if [ $((round % 2)) = 0 ]; then order='none run'; else order='run none'; fi
        for variant in $order; do
            say "  $tool, round $((round + 1)) of $ROUNDS: $variant"
            took=$(once "$variant" "$@")
            [ -n "$took" ] || give_up "$tool failed ($variant): $(tail -n 3 "$T/out")"
            result "packages-$tool" "$variant" "$took" ms
        done
    done
}
nothing() { :; }

if command -v npm > /dev/null; then
    REGISTRY=$(npm config get registry 2> /dev/null)
    compare npm nothing "$(host_of <<< "$REGISTRY")" \
        npm install --registry "$REGISTRY" --no-audit --no-fund --fetch-retries=0 --cache "$T/home/npm" express@4.18.2
else
    note packages-npm "skipped: not on this machine"
fi
PIP=$(command -v pip3 || command -v pip)
if [ -n "$PIP" ]; then
    INDEX=$("$PIP" config get global.index-url 2> /dev/null)
    [ -n "$INDEX" ] || INDEX=$("$PIP" download --help 2> /dev/null | tr -s ' \n' ' ' | sed -n 's/.*(default *\(https[^ )]*\)).*/\1/p' | head -1)
    FILES=$(curl -fsS --max-time 20 "${INDEX%/}/six/" 2> /dev/null | grep -o 'href="https://[^/"]*' | sed 's,.*//,,' | sort -u | head -3 | tr '\n' ' ')
    compare pip nothing "$(host_of <<< "$INDEX") $FILES" "$PIP" --isolated download --retries 0 --timeout 20 --no-cache-dir \
        --disable-pip-version-check --index-url "$INDEX" -d "$T/work/wheels" flask==3.0.0 requests==2.31.0
else
    note packages-pip "skipped: not on this machine"
fi
if command -v cargo > /dev/null; then
    CARGO=$(rustup which cargo 2> /dev/null || command -v cargo)
    RUSTC=$(rustup which rustc 2> /dev/null || command -v rustc)
    crates() {
        mkdir -p "$T/work/src" && : > "$T/work/src/lib.rs"
        printf '[package]\nname = "bed"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nclap = { version = "=4.4.18", features = ["derive"] }\ntokio = { version = "=1.35.1", features = ["full"] }\n' > "$T/work/Cargo.toml"
    }
    PREPARE=crates
    fresh
    INDEX=$(cd "$T/work" && h c env HOME="$T/home" RUSTC="$RUSTC" CARGO_HOME="$T/home/cargo" CARGO_HTTP_DEBUG=true CARGO_LOG=network=debug \
        timeout 90 "$CARGO" fetch 2>&1 | sed -nE 's/.*[hH]ost: ?([a-z0-9.-]+\.[a-z]+).*/\1/p; s,.*https://([a-z0-9.-]+)/.*,\1,p' | grep index | head -1)
    FILES=$(curl -fsS --max-time 20 "https://$INDEX/config.json" 2> /dev/null | jq -r .dl | host_of)
    if [ -n "$INDEX" ]; then
        compare cargo crates "$INDEX $FILES" env RUSTC="$RUSTC" CARGO_HOME="$T/home/cargo" CARGO_NET_RETRY=0 "$CARGO" fetch
    else
        note packages-cargo "skipped: its registry does not answer here"
    fi
else
    note packages-cargo "skipped: not on this machine"
fi
