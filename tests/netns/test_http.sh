#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# Plain HTTP as ordinary clients speak it: git, curl, apt's pipelining, chunks with trailers, expectations, offers of HTTP/2.
# All of it passes, and none of it stalls: a stall is a retransmission time-out, which the kernel counts.
. "$(dirname "$0")/lib.sh"
bed
export GIT_TERMINAL_PROMPT=0 HOME=$T GIT_CONFIG_NOSYSTEM=1
git config --global user.email test@test && git config --global user.name test && git config --global init.defaultBranch main
git config --global protocol.version 2

repository_up() {
    local address i
    git init -q --bare "$T/repo.git" && git -C "$T/repo.git" config http.receivepack true
    git init -q "$T/work"
    for i in {1..200}; do head -c 20000 /dev/urandom > "$T/work/file$i"; done
    git -C "$T/work" add . && git -C "$T/work" commit -qm one && git -C "$T/work" push -q "$T/repo.git" main
    for address in 198.18.2.81 2001:db8:2::81; do
        start "$T/web.$address" s "$PYTHON" "$ROOT/tests/netns/web.py" git $address 8080 "$T"
        eventually 15 grep -q ready "$T/web.$address" || { cat "$T/web.$address" && exit 1; }
    done
}

# The client's retransmission time-outs so far.
timeouts() { h c awk '/^TcpExt:/ {if (!n++) split($0, name); else for (i = 1; i <= NF; i++) if (name[i] == "TCPTimeouts") print $i}' /proc/net/netstat; }
# without_stall COMMAND...: no time-out while it runs (each is 200 ms and more).  Where something waited as long for a processor, it may
# have been the gate or the server, and an acknowledgment that was late is no stall: then one run of eight must be without.
without_stall() {
    local before after waited tries
    for tries in {1..8}; do
        before=$(timeouts)
        waited=$(waited_ms) || waited=0
        "$@" || return 1
        after=$(timeouts)
        [ "$after" -gt "$before" ] || return 0
        [ $(($(waited_ms || echo 200) - waited)) -ge 200 ] || break
    done
    die "$((after - before)) retransmission time-outs: $*"
}

git_clones() {
    local i
    for i in 1 2 3; do
        rm -rf "$T/clone"
        client git clone -q http://mirror.test:8080/repo.git "$T/clone"
    done
    diff -r -x .git "$T/work" "$T/clone"
    client git ls-remote http://mirror.test:8080/repo.git | grep refs/heads/main
}
# More than http.postBuffer (1 MiB) goes in chunks, after a probe with Expect.
git_pushes() {
    local branch
    branch=b-$FORM-$(nonce)
    git -C "$T/work" checkout -q -b "$branch"
    head -c 3000000 /dev/urandom > "$T/work/large"
    git -C "$T/work" add . && git -C "$T/work" commit -qm "two $FORM"
    client git -C "$T/work" push -q http://mirror.test:8080/repo.git "$branch"
    [ "$(git -C "$T/work" rev-parse HEAD)" = "$(git -C "$T/repo.git" rev-parse "$branch")" ]
    git -C "$T/work" checkout -q main
}
# sum FILE: what /echo answers.
sum() { sha256sum < "$1" | cut -d ' ' -f 1; }
posts() {
    local file
    head -c 500000 "$T/www/large" > "$T/body"
    head -c 1 "$T/www/large" > "$T/body1"
    for file in "$T/body" "$T/body1"; do
        [ "$(fetch --data-binary "@$file" http://mirror.test:8080/echo)" = "$(sum "$file") " ]
        [ "$(fetch -H 'Expect: 100-continue' --data-binary "@$file" http://mirror.test:8080/echo)" = "$(sum "$file") " ]
        [ "$(fetch -H 'Transfer-Encoding: chunked' --data-binary "@$file" http://mirror.test:8080/echo)" = "$(sum "$file") " ]
        [ "$(fetch -H 'Transfer-Encoding: chunked' -H 'Expect: 100-continue' -H 'TE: trailers' -T "$file" http://mirror.test:8080/echo)" = "$(sum "$file") " ]
    done
}
trailers() {
    client getent ahosts mirror.test > /dev/null
    client "$PYTHON" "$ROOT/tests/netns/web.py" raw 198.18.2.81 8080 \
        'POST /echo HTTP/1.1\r\nHost: mirror.test:8080\r\nTE: trailers\r\nConnection: TE\r\nTrailer: X-Sum, Expires\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 900150983cd2\r\nExpires: never\r\n\r\nGET /echo HTTP/1.1\r\nHost: mirror.test:8080\r\nConnection: close\r\n\r\n' > "$T/out"
    [ "$(grep -c '200 OK' "$T/out")" = 2 ]
    has 'X-Sum: 900150983cd2; Expires: never' "$T/out"
}
# apt: ten requests in one packet, with ranges and conditions.
apt_like() {
    local text='' i
    for i in {0..9}; do
        text+="GET /medium HTTP/1.1\r\nHost: allowed.test\r\nCache-Control: max-age=0\r\nAccept: text/*\r\nRange: bytes=$((i * 100))-$((i * 100 + 99))\r\nUser-Agent: Debian APT-HTTP/1.3 (2.6.1)\r\n\r\n"
    done
    text+="HEAD /index.html HTTP/1.1\r\nHost: allowed.test\r\nConnection: close\r\n\r\n"
    client getent ahosts allowed.test > /dev/null
    client "$PYTHON" "$ROOT/tests/netns/web.py" raw 198.18.2.80 80 "$text" > "$T/out"
    [ "$(grep -ao 'HTTP/1.1 20[06]' "$T/out" | wc -l)" = 11 ]
}
offers_of_http2() {
    [ "$(fetch --http2 -w '%{http_version}' -o /dev/null http://allowed.test/hello)" = 1.1 ]
    fetch --http2 http://allowed.test/hello http://allowed.test/hello | grep -c 'hello from' | grep -x 2
    from=$(wc -l < "$T/events")
    fails fetch --http2-prior-knowledge http://allowed.test/hello
    said "$from" http_2 allowed.test
}
java_offers_http2() {
    command -v java > /dev/null || skip "no java here"
    java --version 2>&1 | grep -qE ' (1[1-9]|2[0-9])' || skip "java is older than its HttpClient"
    java --list-modules 2> /dev/null | grep -q jdk.compiler || skip "java without a compiler"
    cat > "$T/Get.java" <<'JAVA'
import java.net.URI;
import java.net.http.*;
public class Get {
    public static void main(String[] a) throws Exception {
        HttpClient c = HttpClient.newHttpClient();
        for (int i = 0; i < 3; i++)
            System.out.print(c.send(HttpRequest.newBuilder(URI.create(a[0])).build(), HttpResponse.BodyHandlers.ofString()).body());
    }
}
JAVA
    client java -Xint "$T/Get.java" http://allowed.test/hello > "$T/out"
    [ "$(grep -c 'hello from' "$T/out")" = 3 ]
}

repository_up
check "without the gate: git clones" git_clones
for form in output forward; do
    FORM=$form
    policy "$T/policy.yaml" http://allowed.test http://mirror.test:8080
    gate_up $form "$T/policy.yaml"
    check "git clones, without a stall" without_stall git_clones
    check "git pushes, in chunks" without_stall git_pushes
    check "POST: length, chunks, Expect" without_stall posts
    check "chunks with trailers, and the request behind them" trailers
    check "ten requests in one packet" apt_like
    check "offers of HTTP/2 are masked; prior knowledge is refused" offers_of_http2
    check "Java's HttpClient" java_offers_http2
    gate_down
done
finish
