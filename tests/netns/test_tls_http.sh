#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# TLS server names and HTTP hosts: which pass, which are refused, over which segmentation.
. "$(dirname "$0")/lib.sh"
bed
capture s s0
export CA

resolve() { client getent ahosts "$1" > /dev/null; }
s_client() { client timeout 60 openssl s_client -brief "$@" < /dev/null; }

allowed_tls() {
    fetch -4 https://allowed.test/hello | grep 'hello from allowed.test'
    fetch -6 https://allowed.test/hello | grep 'hello from allowed.test'
    fetch --http1.1 https://allowed.test/hello | grep hello
    fetch --http2 -w '%{http_version}\n' https://allowed.test/hello | grep -x 2
    fetch --tls-max 1.2 https://allowed.test/hello | grep hello
    fetch https://a.wild.test/hello | grep 'hello from a.wild.test'
    fetch https://chain0.test/hello | grep 'hello from chain0.test'
    fetch https://v6only.test/hello | grep hello
}
many_requests() { [ "$(fetch --http1.1 -Z --parallel-max 1 'https://allowed.test/hello?[1-20]' 2>&1 | grep -c hello)" = 20 ]; }
medium() { [ "$(fetch https://cdn.test/medium | sha256sum)" = "$(sha256sum < "$T/www/medium")" ]; }
# hello ADDRESS [SEGMENT [RECORD [PADDING]]]: a handshake for allowed.test whose ClientHello is cut so.
hello() {
    local address=$1
    shift
    quick 5000 near tls "$address" allowed.test "$@" > "$T/hello" || { echo "segment, record, padding $*: $(cat "$T/hello")" && return 1; }
    grep 200 "$T/hello"
}
segments() {
    resolve allowed.test
    hello 198.18.2.80 100
    hello 198.18.2.80 70
    hello 2001:db8:2::80 90
}
records() {
    resolve allowed.test
    hello 198.18.2.80 0 40
    hello 198.18.2.80 0 13
    hello 2001:db8:2::80 150 30
}
large_hello() {
    resolve allowed.test
    hello 198.18.2.80 0 0 6000
    hello 2001:db8:2::80 1400 0 10000
    hello 198.18.2.80 0 0 13000
}
# More segments than the client's first congestion window (ten): it sends no more until something is acknowledged.
tiny_segments() {
    resolve allowed.test
    hello 198.18.2.80 20
    hello 2001:db8:2::80 7
    hello 198.18.2.80 1
}
largest_hello() {
    resolve allowed.test
    hello 198.18.2.80 1000 0 13000
    hello 2001:db8:2::80 1000 0 15500
    hello 198.18.2.80 0 0 15500
}
# A name that is not allowed at the address of one that is: nothing of the hello arrives.
shared_address() {
    local n
    n=$(nonce)
    resolve allowed.test
    refused not_in_allowlist "$n.other.test" s_client -connect 198.18.2.80:443 -servername "$n.other.test"
    refused not_in_allowlist "$n.six.test" s_client -connect '[2001:db8:2::80]:443' -servername "$n.six.test"
    expect_not_arrived "$n" s
}
shared_address_segments() {
    local n
    n=$(nonce)
    resolve allowed.test
    refused not_in_allowlist "$n.other.test" env -u CA "$BASH" -c "$(declare -f h client near); $(declare -p HOST FORM CGROUPS CGROUP PYTHON ROOT); unset CA; near tls 198.18.2.80 $n.other.test 100 60"
    expect_not_arrived "$n" s
    expect_not_arrived "${n:0:12}" s
}
not_bound() {
    local n
    n=$(nonce)
    resolve allowed.test
    resolve chain0.test
    # 198.18.2.81:443 is open for chain0.test; allowed.test was never resolved to it.
    refused name_not_bound allowed.test s_client -connect 198.18.2.81:443 -servername allowed.test -alpn "$n"
    expect_not_arrived "$n" s
}
denied_wins() { [ "$(client dig +tries=1 +short @198.18.2.53 ads.wild.test)" = '' ] && resolve a.wild.test && refused denied ads.wild.test s_client -connect 198.18.2.80:443 -servername ads.wild.test; }
no_name() { resolve allowed.test && refused tls_no_name 198.18.2.80 s_client -connect 198.18.2.80:443 -noservername; }
not_tls() {
    local n
    n=$(nonce)
    resolve v6only.test
    refused tls_expected 2001:db8:2::80 near connect 2001:db8:2::80 443 "$n"
    expect_not_arrived "$n" s
}
odd_names() {
    local name
    resolve allowed.test
    for name in 'allowed.test%00.evil.test' 198.18.2.80 'allo wed.test'; do
        refused 'tls_name_form|not_in_allowlist|tls_malformed' 198.18.2.80 s_client -connect 198.18.2.80:443 -servername "$name" || return 1
        sleep 1 # the same refusal is reported once a second
    done
    near tls 198.18.2.80 ALLOWED.test | grep 200 || CA='' near tls 198.18.2.80 ALLOWED.test | grep 200
}
fronting() { s_client -connect 198.18.3.66:443 -servername allowed.test -alpn "$1"; }
fronting_6() { s_client -connect '[2001:db8:3::66]:443' -servername allowed.test -alpn "$1"; }
fronting_http() { client curl -s --max-time 20 -H 'Host: allowed.test' "http://198.18.3.66/$1"; }

http_allowed() {
    fetch -4 http://allowed.test/hello | grep 'hello from allowed.test'
    fetch -6 http://allowed.test/hello | grep 'hello from allowed.test'
    resolve allowed.test
    near http 198.18.2.80 allowed.test allowed.test/index.html allowed.test > "$T/out"
    [ "$(grep -c 200 "$T/out")" = 3 ]
    near http 2001:db8:2::80 allowed.test +allowed.test/index.html +allowed.test > "$T/out"
    [ "$(grep -c 200 "$T/out")" = 3 ]
}
http_bodies() {
    head -c 300000 "$T/www/large" > "$T/body"
    # The server refuses the method, but only after it took the body, and the connection goes on: the next request is judged in its place.
    client curl -sS --max-time 60 -o /dev/null -o /dev/null -w '%{http_code} %{num_connects}\n' --data-binary "@$T/body" http://allowed.test/hello http://allowed.test/hello > "$T/out"
    diff "$T/out" <(printf '200 1\n200 0\n')
    client curl -sS --max-time 60 -o /dev/null -w '%{http_code}\n' -H 'Transfer-Encoding: chunked' --data-binary "@$T/body" http://allowed.test/hello \
        --next -sS -o /dev/null -w '%{http_code}\n' http://allowed.test/hello > "$T/out"
    [ "$(grep -c 200 "$T/out")" = 2 ]
}
http_medium() { [ "$(fetch http://allowed.test/medium | sha256sum)" = "$(sha256sum < "$T/www/medium")" ]; }
http_second_host() {
    local n
    n=$(nonce)
    resolve allowed.test
    refused not_in_allowlist other.test near http 198.18.2.80 allowed.test "other.test/$n"
    expect_not_arrived "$n" s
    n=$(nonce)
    refused not_in_allowlist "$n.test" near http 198.18.2.80 "allowed.test" "+$n.test"
    expect_not_arrived "$n" s
}
http_only_named() { resolve allowed.test && resolve cdn.test && refused not_in_allowlist cdn.test client curl -sS --max-time 20 http://cdn.test/hello; }
http_raw() { # NONCE-HOST-LINES: one request by hand
    client bash -c 'exec 3<> /dev/tcp/198.18.2.80/80 && printf "%b" "$1" >&3 && timeout 30 head -1 <&3 | grep .' sh "$1"
}
http_forms() {
    local n
    resolve allowed.test
    n=$(nonce)
    fails http_raw "GET /$n HTTP/1.1\r\nHost: allowed.test\r\nHost: other.test\r\n\r\n"
    fails http_raw "GET /$n HTTP/1.1\r\n\r\n"
    fails http_raw "CONNECT $n.test:443 HTTP/1.1\r\nHost: allowed.test\r\n\r\n"
    fails http_raw "GET http://$n.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n"
    fails http_raw "POST /$n HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    fails http_raw "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n$n"
    expect_not_arrived "$n" s
    http_raw "GET /hello HTTP/1.1\r\nHost: allowed.test\r\n\r\n" | grep 200
}

for name in fronting fronting_6 fronting_http; do check "without the gate $name reaches the attacker" attack_reaches $name; done
for form in output forward; do
    FORM=$form
    DENY='"ads.wild.test"' policy "$T/policy.yaml" "${ALLOW[@]}"
    gate_up $form "$T/policy.yaml"
    check "allowed TLS: v4, v6, TLS 1.2 and 1.3, HTTP/1.1 and 2, wildcard, CNAME" allowed_tls
    check "twenty requests" many_requests
    check "a body comes whole" medium
    check "a hello in many segments" segments
    check "a hello in many records" records
    check "a hello of many kilobytes" large_hello
    check "a hello in more segments than the first window" tiny_segments
    check "a hello of almost 16 KiB" largest_hello
    check "a name that is not allowed, at an allowed address" shared_address
    check "the same in segments and records" shared_address_segments
    check "an allowed name at another name's address" not_bound
    check "deny wins over allow" denied_wins
    check "no server name" no_name
    check "something else than TLS" not_tls
    check "odd server names" odd_names
    check "an allowed server name toward the attacker (v4)" attack_refused not_resolved 198.18.3.66 fronting
    check "an allowed server name toward the attacker (v6)" attack_refused not_resolved 2001:db8:3::66 fronting_6
    check "an allowed Host toward the attacker" attack_refused not_resolved 198.18.3.66 fronting_http
    check "plain HTTP: v4, v6, kept alive, pipelined" http_allowed
    check "plain HTTP: bodies by length and by chunks" http_bodies
    check "plain HTTP: a body comes whole" http_medium
    check "plain HTTP: each request of a connection is judged" http_second_host
    check "plain HTTP only where the policy says http://" http_only_named
    check "plain HTTP: ambiguous requests" http_forms
    gate_down
done
finish
