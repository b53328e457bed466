#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# Real package managers against their own registries, through the gate: an install passes when the registry is allowed, and
# fails with its reason when not.  Which registry, the tool itself says (npm config, pip config, cargo config, go env); a
# tool that is not here, or whose registry does not answer without the gate, is a skip.
# The tools run in a network namespace of their own, whose way out is slirp4netns (a network stack in user space): the
# machine's own rules and addresses stay as they are.
. "$(dirname "$0")/lib.sh"
trap bed_down EXIT
trap 'exit 130' INT TERM HUP
[ "$(id -u)" = 0 ] || { echo "skip everything: needs root" && echo "0 passed, 0 failed, 1 skipped" && exit 0; }
SLIRP=$(command -v slirp4netns || echo "$TOOLS/slirp4netns/usr/bin/slirp4netns")
[ -x "$SLIRP" ] || { t_skip "all package managers" "slirp4netns could not be fetched" && finish; }
[ -c /dev/net/tun ] || { t_skip "all package managers" "no /dev/net/tun" && finish; }

host_up c
mkdir -p "$CGROUPS$CGROUP"
printf 'nameserver 10.0.2.3\n' > "$T/resolv.c"
setpriv --pdeathsig KILL "$SLIRP" --configure --mtu=1400 --disable-host-loopback "${HOST[c]}" tap0 > "$T/slirp.log" 2>&1 &
disown $!
eventually 10 h c sh -c 'ip route | grep -q default' || { t_skip "all package managers" "slirp4netns does not work here: $(tail -n 1 "$T/slirp.log")" && finish; }

host_of() { sed -E 's,^[a-z+]*(\+|:)?(https?://)?,,; s,^sparse\+,,; s,^https?://,,; s,[/:].*,,'; }
CALLER=() # root without sudo: the command is isolated
gated() { (cd "$T/work" && h c env HOME="$T/home" TMPDIR="$T/home" "${CALLER[@]}" "$SLUICE" run --events "$T/events" "${ALLOWED[@]}" -- "$@") 2> "$T/err"; }
fresh() { rm -rf "${T:?}/work" "${T:?}/home" && mkdir -p "$T/work" "$T/home" && chmod 777 "$T/work" "$T/home" && : > "$T/events"; }

# try TOOL PREPARE NAMES COMMAND...: without the gate (else skip), with the registry allowed, and with it not.
passes() {
    local start
    fresh && $PREPARE
    start=$(now_ms)
    gated "$@" || { cat "$T/err" && return 1; }
    echo $(($(now_ms) - start)) > "$T/took"
    jq -c 'select(.sluice.verdict == "deny") | [.event.action, .event.reason, .dns.question, .destination]' "$T/events" > "$T/denied"
    [ ! -s "$T/denied" ] || { cat "$T/denied" && return 1; }
}
fails_with_reason() {
    local got=0
    fresh
    $PREPARE
    ALLOWED=()
    quick 60000 gated "$@" || got=$?
    [ $got != 0 ]
    [ $got != 99 ]
    grep -E "^(\S*m)?sluice: deny +dns +${FIRST//./\\.} " "$T/err" || { cat "$T/err" && return 1; }
    jq -se --arg name "$FIRST" 'any(.dns.question.name == $name and .event.reason == "not_in_allowlist")' "$T/events"
}
try() {
    local tool=$1 hosts=$3 name
    [ -z "${LARGE:-}" ] || [ "$SLOW" = 1 ] || return 0 # once is enough: not again under sanitizers
    PREPARE=$2
    shift 3
    ALLOWED=()
    for name in $hosts; do ALLOWED+=(--allow "$name"); done
    FIRST=${hosts%% *}
    fresh
    $PREPARE
    local start took
    start=$(now_ms)
    if ! timeout 300 nsenter -t "${HOST[c]}" -n -m --wdns="$T/work" env HOME="$T/home" TMPDIR="$T" "$@" > "$T/plain.out" 2>&1; then
        t_skip "$tool" "its registry $FIRST does not answer here, also without the gate: $(grep -v '^ *$' "$T/plain.out" | tail -n 1 | cut -c 1-120)"
        return
    fi
    took=$(($(now_ms) - start))
    rm -f "$T/took"
    check "$tool: an install passes when ${hosts% } is allowed" passes "$@"
    [ ! -e "$T/took" ] || echo "     $tool took $(cat "$T/took") ms, $took ms without the gate"
    [ -n "${LARGE:-}" ] || check "$tool: it fails with its reason when not" fails_with_reason "$@"
}
nothing() { :; }

if command -v npm > /dev/null; then
    REGISTRY=$(npm config get registry 2> /dev/null)
    NPM=(npm install --registry "$REGISTRY" --no-audit --no-fund --fetch-retries=2 --fetch-retry-mintimeout=500 --fetch-retry-maxtimeout=2000 --cache "$T/home/npm" is-number@7.0.0)
    try npm nothing "$(echo "$REGISTRY" | host_of)" "${NPM[@]}"
    CALLER=(SUDO_UID=65534 SUDO_GID=65534 SUDO_USER=nobody)
    try "npm under sudo" nothing "$(echo "$REGISTRY" | host_of)" "${NPM[@]}"
    CALLER=()
    LARGE=1 try "npm, some sixty packages" nothing "$(echo "$REGISTRY" | host_of)" "${NPM[@]:0:${#NPM[@]}-1}" express@4.18.2
else
    t_skip npm "not on this machine"
fi

PIP=$(command -v pip3 || command -v pip)
if [ -n "$PIP" ]; then
    INDEX=$("$PIP" config get global.index-url 2> /dev/null)
    # pip's own default, out of its own configuration, where none is set.
    [ -n "$INDEX" ] || INDEX=$("$PIP" download --help 2> /dev/null | tr -s ' \n' ' ' | sed -n 's/.*(default *\(https[^ )]*\)).*/\1/p' | head -1)
    INDEX_HOST=$(echo "$INDEX" | host_of)
    # The files may lie on another host than the index: the index itself says which.
    FILES=$(curl -fsS --retry 3 --max-time 60 "${INDEX%/}/six/" 2> /dev/null | grep -o 'href="https://[^/"]*' | sed 's,.*//,,' | sort -u | head -3 | tr '\n' ' ')
    try pip nothing "$INDEX_HOST $FILES" "$PIP" --isolated download --retries 3 --timeout 60 --no-deps --no-cache-dir --index-url "$INDEX" -d "$T/work/wheels" six==1.16.0
    LARGE=1 try "pip, ten packages" nothing "$INDEX_HOST $FILES" "$PIP" --isolated download --retries 3 --timeout 60 --no-cache-dir --index-url "$INDEX" -d "$T/work/wheels" \
        flask==3.0.0 requests==2.31.0
else
    t_skip pip "not on this machine"
fi

if command -v cargo > /dev/null; then
    # Behind rustup's shim the tools' own paths, since HOME is another one here.
    CARGO=$(rustup which cargo 2> /dev/null || command -v cargo)
    RUSTC=$(rustup which rustc 2> /dev/null || command -v rustc)
    crate() {
        mkdir -p src && printf '[package]\nname = "bed"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nitoa = "=1.0.9"\n' > Cargo.toml && : > src/lib.rs
    }
    in_work() { (cd "$T/work" && crate); }
    # The index is cargo's own default unless its configuration replaces it: a fetch without the gate names it, and the index says
    # where the files are.
    fresh
    in_work
    CARGO_INDEX=$(cd "$T/work" && h c env HOME="$T/home" RUSTC="$RUSTC" CARGO_HOME="$T/home/cargo" CARGO_HTTP_DEBUG=true CARGO_LOG=network=debug \
        timeout 300 "$CARGO" fetch 2>&1 | sed -nE 's/.*[hH]ost: ?([a-z0-9.-]+\.[a-z]+).*/\1/p; s,.*https://([a-z0-9.-]+)/.*,\1,p' | grep index | head -1)
    CARGO_FILES=$(curl -fsS --retry 3 --max-time 60 "https://$CARGO_INDEX/config.json" 2> /dev/null | jq -r .dl | host_of)
    CARGO_HOSTS="$CARGO_INDEX $CARGO_FILES"
    if [ -n "$CARGO_INDEX" ]; then
        try cargo in_work "$CARGO_HOSTS" env RUSTC="$RUSTC" CARGO_HOME="$T/home/cargo" CARGO_NET_RETRY=3 "$CARGO" fetch
        crates() { in_work && printf 'clap = { version = "=4.4.18", features = ["derive"] }\ntokio = { version = "=1.35.1", features = ["full"] }\n' >> "$T/work/Cargo.toml"; }
        LARGE=1 try "cargo, some fifty crates" crates "$CARGO_HOSTS" env RUSTC="$RUSTC" CARGO_HOME="$T/home/cargo" CARGO_NET_RETRY=3 "$CARGO" fetch
    else
        t_skip cargo "its registry does not answer here, also without the gate"
    fi
else
    t_skip cargo "not on this machine"
fi

if command -v go > /dev/null; then
    GO=$(command -v go)
    PROXY=$(go env GOPROXY | tr ',|' '\n' | grep '^http' | head -1)
    module() { (cd "$T/work" && printf 'module bed\n\ngo 1.19\n' > go.mod); }
    try go module "$(echo "$PROXY" | host_of)" env GOPATH="$T/home/go" GOCACHE="$T/home/cache" GOFLAGS=-modcacherw GOPROXY="$PROXY" GONOSUMDB='*' GONOSUMCHECK=1 GOFLAGS=-mod=mod GOSUMDB=off GOTOOLCHAIN=local \
        "$GO" mod download github.com/google/uuid@v1.6.0
    # With its check-sum data base, where that answers: by way of the proxy, else at its own host.
    SUMDB=$(go env GOSUMDB | cut -d' ' -f1)
    modules() { (cd "$T/work" && printf 'module bed\n\ngo 1.19\n\nrequire github.com/gin-gonic/gin v1.9.1\n' > go.mod); }
    LARGE=1 try "go, a module graph and its sums" modules "$(echo "$PROXY" | host_of) ${SUMDB%%+*}" env GOPATH="$T/home/go" GOCACHE="$T/home/cache" GOPROXY="$PROXY" \
        GOFLAGS='-mod=mod -modcacherw' GOTOOLCHAIN=local "$GO" mod download
else
    t_skip go "not on this machine"
fi

if command -v mvn > /dev/null && command -v java > /dev/null; then
    # Maven's own default repository, out of the model that every project inherits.
    MODEL=$(find /usr/share/maven/lib "$(dirname "$(dirname "$(readlink -f "$(command -v mvn)")")")/lib" -name 'maven-model-builder*.jar' 2> /dev/null | head -1)
    CENTRAL=$("$PYTHON" -c 'import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).read("org/apache/maven/model/pom-4.0.0.xml").decode())' "$MODEL" 2> /dev/null |
        sed -n 's,.*<url>\(https://[^<]*\)</url>.*,\1,p' | head -1)
    if [ -n "$CENTRAL" ]; then
        try mvn nothing "$(echo "$CENTRAL" | host_of)" mvn -q -B "-Dmaven.repo.local=$T/home/m2" "-Duser.home=$T/home" dependency:get -Dartifact=commons-io:commons-io:2.11.0
    else
        t_skip mvn "its default repository could not be read"
    fi
else
    t_skip mvn "not on this machine"
fi
finish
