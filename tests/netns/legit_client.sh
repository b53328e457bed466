#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# legit_client.sh CASE: what a build does, in whatever scope it is started (test_legit.sh), with no knowledge of the gate.  It works in
# a directory of its own, $W.  Status 0: all went well; 77: a tool is not here, its last line says which.
set -eu
CASE=$1
HERE=$(cd "$(dirname "$0")" && pwd)
W=$(mktemp -d "$T/work.XXXXXX")
trap 'rm -rf "$W"' EXIT
cd "$W"
export HOME=$W GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 CA
PYTHON=/usr/bin/python3
skip() { echo "$*" && exit 77; }
need() { command -v "$1" > /dev/null || skip "$1 is not on this machine"; }
same() { [ "$1" = "$2" ] || { echo "«$1» is not «$2»" && exit 1; }; }
get() { curl -fsS --no-progress-meter --cacert "$CA" --max-time 60 "$@"; }
sum_of() { sha256sum | cut -d' ' -f1; }

case_curl() {
    local family url
    for family in -4 -6; do
        for url in https://git.test http://git.test; do
            same "$(get $family --http1.1 $url/hello $url/hello $url/hello | sort -u)" "hello from git.test"
        done
        same "$(get $family --http2 https://git.test/hello)" "hello from git.test"
        same "$(get $family --http2 http://git.test/hello)" "hello from git.test" # offers h2c
        same "$(get $family --tls-max 1.2 https://git.test/hello)" "hello from git.test"
    done
    same "$(get https://v4only.test/hello)$(get https://v6only.test/hello)" "hello from v4only.testhello from v6only.test"
    same "$(get --compressed https://git.test/text | sum_of)" "$(sum_of < "$T/www/text")"
    same "$(get --compressed http://git.test/text | sum_of)" "$(sum_of < "$T/www/text")"
    same "$(get -r 100-199 http://git.test/medium | sum_of)" "$(tail -c +101 "$T/www/medium" | head -c 100 | sum_of)"
    head -c 5000 "$T/www/medium" > part
    get -C - -o part http://git.test/medium
    same "$(sum_of < part)" "$(sum_of < "$T/www/medium")"
    get -I http://git.test/medium > /dev/null
    get -z 'Mon, 01 Jan 2001 00:00:00 GMT' http://git.test/hello > /dev/null
}
case_curl_upload() {
    local family url want
    want=$(sum_of < "$T/www/medium")
    for family in -4 -6; do
        for url in https://git.test http://git.test; do
            same "$(get $family --http1.1 --data-binary "@$T/www/medium" $url/sum)" "$want"                                     # Expect: 100-continue
            same "$(get $family --http1.1 -H 'Expect: 100-continue' --data-binary "@$T/www/text" $url/sum)" "$(sum_of < "$T/www/text")"
            same "$(get $family --http1.1 -H 'Transfer-Encoding: chunked' --data-binary "@$T/www/medium" $url/sum)" "$want"
            same "$(get $family --http1.1 -T - $url/sum < "$T/www/medium")" "$want"
            get $family -T "$T/www/medium" "$url/put/$(basename "$W")$family"
            get $family -F "file=@$T/www/text" -F word=x $url/sum > /dev/null
        done
    done
}
case_curl_parallel() {
    local url
    for url in https://git.test http://git.test; do
        same "$(get -Z --parallel-max 30 --parallel-immediate --http1.1 "$url/hello?[1-60]" | grep -c 'hello from')" 60
        same "$(get -Z --parallel-max 30 --http2 "$url/hello?[1-60]" | grep -c 'hello from')" 60
    done
}
case_curl_download() {
    same "$(get https://git.test/large | sum_of)" "$(sum_of < "$T/www/large")"
    same "$(get http://git.test/large | sum_of)" "$(sum_of < "$T/www/large")"
}
case_wget() {
    need wget
    local family url
    for family in -4 -6; do
        for url in https://git.test http://git.test; do
            same "$(wget -q $family --ca-certificate="$CA" --tries=1 --timeout=60 -O - $url/hello $url/hello | sort -u)" "hello from git.test"
            head -c 5000 "$T/www/medium" > medium
            wget -q $family --ca-certificate="$CA" --tries=1 --timeout=60 -c $url/medium
            same "$(sum_of < medium)" "$(sum_of < "$T/www/medium")"
        done
    done
}
case_busybox() {
    need busybox
    busybox wget --help 2>&1 | grep -q Usage || skip "busybox has no wget"
    same "$(busybox wget -q -O - http://git.test/hello)" "hello from git.test"
    busybox nslookup git.test > out
    grep -q '198\.18\.2\.82$' out
    busybox nslookup v4only.test > out || true # the AAAA half has no data; its status says so, as without the gate
    grep -q '198\.18\.2\.80$' out
}
s_client() {
    { printf 'GET /hello HTTP/1.0\r\nHost: git.test\r\n\r\n' && sleep 0.3; } |
        openssl s_client "$@" -quiet -CAfile "$CA" -verify_return_error -connect git.test:443 -servername git.test > out 2> err || true
    grep -q 'hello from git.test' out || { cat err && exit 1; }
}
case_openssl() {
    local version family
    for family in -4 -6; do
        for version in -tls1_2 -tls1_3; do
            s_client $family $version -sess_out sess
            s_client $family $version -sess_in sess
        done
    done
    s_client -groups P-521:X25519
}
case_python() { "$PYTHON" "$HERE/legit_client.py" urls; }
case_pools() { "$PYTHON" "$HERE/legit_client.py" pools 50 "${IDLE:-8}"; }
case_node() {
    need node
    NODE_EXTRA_CA_CERTS=$CA node "$HERE/legit_client.js"
}
case_java() {
    need java
    java -version 2>&1 | grep -Eq 'version "(1[1-9]|[2-9][0-9])' || skip "this java has no HttpClient and runs no source"
    [ -e "$T/java/Legit.class" ] || skip "there is no Java compiler here"
    java -cp "$T/java" -Xmx128m -XX:TieredStopAtLevel=1 Legit "$CA"
}
case_go() {
    [ -x "$T/goclient" ] || skip "no Go compiler here"
    GODEBUG=netdns=go "$T/goclient" "$CA"
}
case_resolve() {
    local name options
    for name in git.test v4only.test v6only.test chain0.test; do getent ahosts $name > /dev/null || { echo "getent ahosts $name" && exit 1; }; done
    getent ahostsv4 git.test > /dev/null && getent ahostsv6 git.test > /dev/null
    for options in '' +tcp +noedns '+bufsize=4096 +nocookie' '+dnssec +cd' +subnet=192.0.2.0/24 '+ignore' +qr; do
        same "$(dig +short +tries=1 +time=20 $options git.test A | grep -c '^198.18.2.82$')" 1
        same "$(dig +short +tries=1 +time=20 $options git.test AAAA | grep -c '^2001:db8:2::82$')" 1
    done
    nslookup -timeout=20 git.test > /dev/null
    host -W 20 -t A git.test > /dev/null && host -W 20 -t AAAA git.test > /dev/null
    # What browsers and curl ask beside the addresses: no data, at once, and not a refusal.
    dig +tries=1 +time=20 git.test HTTPS | grep -q 'status: NOERROR'
    "$PYTHON" "$HERE/legit_client.py" resolve
}
case_resolve_short() {
    local name
    for name in git.test v4only.test v6only.test; do getent ahosts $name > /dev/null || { echo "getent ahosts $name" && exit 1; }; done
    same "$(dig +short +tries=1 +time=20 git.test | grep -c '^198.18.2.82$')" 1
    host -W 20 -t A git.test > /dev/null
    "$PYTHON" "$HERE/legit_client.py" resolve
}
# Only the names of the bed: what a browser asks for itself, its maker's names, is not the build's work.
case_chromium() {
    local browser=$T/browser/chromium-headless-shell url
    [ -x "$browser" ] || browser=chromium
    need "$browser"
    for url in https://git.test/page/index.html http://git.test/page/index.html; do
        timeout 180 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$W/profile" --ignore-certificate-errors \
            --disable-background-networking --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE *.test' --virtual-time-budget=8000 --dump-dom $url > dom 2> err ||
            { tail -3 err && exit 1; }
        grep -q 'fetched 25' dom || { cat dom && exit 1; }
    done
}
git_walk() {
    local url=$1 branch
    branch=b$(basename "$W")-$RANDOM
    rm -rf full shallow
    git clone -q "$url" full
    same "$(git -C full rev-list --count main)" 30
    git clone -q --depth 3 "$url" shallow
    git -C shallow fetch -q --unshallow
    head -c 3000000 /dev/urandom > full/new
    git -C full checkout -q -b "$branch"
    git -C full add .
    git -C full -c user.name=a -c user.email=a@b.test commit -qm new
    git -C full push -q origin "$branch"
    git -C shallow fetch -q origin "+$branch:refs/remotes/origin/$branch"
    same "$(git -C shallow rev-parse "origin/$branch")" "$(git -C full rev-parse HEAD)"
    git -C full push -q origin --delete "$branch"
    git ls-remote -q "$url" > /dev/null
}
case_git_https() { need git && export GIT_SSL_CAINFO=$CA && git_walk https://git.test/repo/one.git; }
case_git_http() { need git && git_walk http://git.test/repo/one.git; }
# A clone of 20 MB; its time beside that without the gate is told (legit.sh).
git_big() {
    rm -rf big
    git clone -q "$1" big
    same "$(git -C big rev-list --count main)" 10
    same "$(cat big/asset* | sum_of)" "$(cat "$T"/big/asset* | sum_of)"
}
case_git_big_https() { need git && export GIT_SSL_CAINFO=$CA && git_big https://git.test/repo/big.git; }
case_git_big_http() { need git && git_big http://git.test/repo/big.git; }
case_git_daemon() { need git && git_walk git://git.test/repo/one.git; }
case_git_ssh() {
    need git && need ssh
    [ -e "$T/sshd.log" ] || skip "there is no sshd here"
    (umask 077 && cat "$T/user_key" > key)
    local family
    for family in -4 -6; do
        export GIT_SSH_COMMAND="ssh $family -F none -i $W/key -o UserKnownHostsFile=$W/known -o StrictHostKeyChecking=accept-new -o BatchMode=yes"
        git ls-remote -q "ssh://git@git.test$T/repo/one.git" > /dev/null
    done
    git_walk "ssh://git@git.test$T/repo/one.git"
}
apt_walk() {
    rm -rf apt && mkdir -p apt/etc/apt.conf.d apt/etc/preferences.d apt/state/lists/partial apt/cache/archives/partial apt/log
    : > apt/status
    echo "deb [trusted=yes] $1 ./" > apt/sources.list
    cat > apt.conf <<CONF
Dir::Etc "$W/apt/etc"; Dir::Etc::sourcelist "$W/apt/sources.list"; Dir::Etc::sourceparts "/dev/null"; Dir::State "$W/apt/state";
Dir::State::status "$W/apt/status"; Dir::Cache "$W/apt/cache"; Dir::Log "$W/apt/log"; APT::Sandbox::User "root"; Debug::NoLocking "true";
Acquire::https::CaInfo "$CA"; Acquire::http::Pipeline-Depth "10"; Acquire::Retries "0"; Acquire::http::Timeout "60"; Acquire::https::Timeout "60"; $2
CONF
    APT_CONFIG=$W/apt.conf apt-get -qq -o APT::Update::Error-Mode=any update
    APT_CONFIG=$W/apt.conf apt-get -qq download bed{1..12}
    for i in {1..12}; do same "$(sum_of < "bed${i}_1.0_all.deb")" "$(sum_of < "$T/debian/bed$i.deb")"; done
    rm -f ./*.deb
}
case_apt() {
    need apt-get
    apt_walk http://git.test/debian ''
    apt_walk https://git.test/debian ''
    apt_walk http://deb.test/debian 'Acquire::ForceIPv6 "true";'
}

"case_$CASE"
