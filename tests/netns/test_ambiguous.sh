#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# HTTP against two real servers, nginx and Python's: of a table of ambiguous requests none shows them what the gate did not
# judge, and what passes is read by both alike.
. "$(dirname "$0")/lib.sh"
bed
start "$T/python.log" s "$PYTHON" "$ROOT/tests/netns/web.py" git 198.18.2.81 8080 "$T"
eventually 15 grep -q ready "$T/python.log" || { cat "$T/python.log" && exit 1; }

# The table to both servers, of which each is an allowed host.
send_all() {
    local n=$1 nginx
    client getent ahosts allowed.test > /dev/null
    client getent ahosts mirror.test > /dev/null
    client "$PYTHON" "$ROOT/tests/netns/ambiguous.py" 198.18.2.80 80 allowed.test "$n" &
    nginx=$!
    client "$PYTHON" "$ROOT/tests/netns/ambiguous.py" 198.18.2.81 8080 mirror.test:8080 "$n"
    wait "$nginx"
}
evil_seen() { grep -ahoE "[^ ]* .*/evil-$1-[a-z0-9-]*" "$T/nginx/access.log" "$T/python.log"; }
ten_seen() { { evil_seen "$1" || true; } > "$T/out" && [ "$(wc -l < "$T/out")" -ge 10 ]; }
good_seen() { grep -aoE "/good-$1-[a-z]*" "$T/nginx/access.log" | sort > "$T/by_nginx" && [ "$(wc -l < "$T/by_nginx")" = 12 ]; }
is_real() {
    local n
    n=$(nonce)
    send_all "$n"
    eventually 10 ten_seen "$n" || die "only $(wc -l < "$T/out") of the table show what they should not, without the gate"
}
is_held() {
    local n
    n=$(nonce)
    send_all "$n"
    fails evil_seen "$n"
    # The six that pass: nginx counts the requests, Python's the bytes of each body; no request inside a body.
    eventually 10 good_seen "$n" || { cat "$T/by_nginx" && return 1; }
    grep -aoE "/good-$n-[a-z]*" "$T/python.log" | sort > "$T/by_python"
    diff "$T/by_nginx" "$T/by_python"
    grep -a "POST /good-$n-" "$T/python.log" | cut -d ' ' -f 4 | sort -n | uniq -c > "$T/out"
    # One length, and twice of it in two chunks.
    [ "$(wc -l < "$T/out")" = 2 ] || { grep -a "$n" "$T/python.log" && return 1; }
    # A trailer is none of the head's fields.
    fails grep -a "other.test.*$n" "$T/python.log" "$T/nginx/access.log"
}

check "without the gate these are attacks: ten and more show" is_real
for form in output forward; do
    FORM=$form
    policy "$T/policy.yaml" http://allowed.test http://mirror.test:8080
    gate_up $form "$T/policy.yaml"
    check "none shows what was not judged; what passes is read alike" is_held
    gate_down
done
finish
