#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2209,SC2329
# Unix sockets of processes outside: a command under `sluice run` must not have them send for it, its own go on.
. "$(dirname "$0")/lib.sh"
bed
as_user() { h c env SUDO_UID=65534 SUDO_GID=65534 "$SLUICE" run "$@"; }
as_root() { h c "$SLUICE" run "$@"; }

# A daemon at NAME ("@" begins an abstract one), KIND SOCK_STREAM or SOCK_DGRAM, notes what comes to LOG.
DAEMON='
import os, socket, sys
name, kind, log = sys.argv[1:4]
s = socket.socket(socket.AF_UNIX, getattr(socket, kind)); s.bind(name.replace("@", "\0", 1))
if name[0] != "@": os.chmod(name, 0o777)
open(log, "ab").close()
if kind == "SOCK_STREAM": s.listen(5)
while True:
    c = s.accept()[0] if kind == "SOCK_STREAM" else s
    data = c.recv(2000)
    with open(log, "ab") as f: f.write(data + b"\n")
    if c is not s: c.sendall(b"back " + data); c.close()'
SAY='
import socket, sys
name, kind, word = sys.argv[1:4]
s = socket.socket(socket.AF_UNIX, getattr(socket, kind)); s.settimeout(30)
try:
    s.connect(name.replace("@", "\0", 1)); s.sendall(word.encode())
    if kind == "SOCK_STREAM": print(s.recv(2000).decode())
except OSError as e: sys.exit("refused: %s" % e)'
mkdir -p "$T/some/place" && chmod 755 "$T/some" "$T/some/place"
OUTSIDE=("$T/some/place/control SOCK_STREAM" "$T/some/place/notify SOCK_DGRAM" "@sluice-test-$$ SOCK_STREAM" "@sluice-test-dgram-$$ SOCK_DGRAM")
number=0
for one in "${OUTSIDE[@]}"; do
    number=$((number + 1))
    # shellcheck disable=SC2086
    start "$T/daemon.$number" c "$PYTHON" -c "$DAEMON" $one "$T/log.$number"
    eventually 15 [ -e "$T/log.$number" ] || t_fail "a daemon at $one" "$(cat "$T/daemon.$number")"
done
# Bound by a name that leads there only for its own process, or that is another one now (as ssh makes its control socket).
mkdir -m 755 "$T/some/other"
ELSEWHERE=("cd $T/some/place|relative|relative" "exec 3< $T/some/place|/proc/self/fd/3/through|through" "true|$T/some/other/control.x1|renamed")
for one in "${ELSEWHERE[@]}"; do
    IFS='|' read -r first name file <<< "$one"
    number=$((number + 1))
    OUTSIDE+=("$T/some/$([ "$file" = renamed ] && echo other || echo place)/$file SOCK_STREAM")
    start "$T/daemon.$number" c sh -c "$first"' && exec "$@"' sh "$PYTHON" -c "$DAEMON" "$name" SOCK_STREAM "$T/log.$number"
    eventually 15 [ -e "$T/log.$number" ] || t_fail "a daemon at $name" "$(cat "$T/daemon.$number")"
done
ln "$T/some/other/control.x1" "$T/some/other/renamed" && rm "$T/some/other/control.x1"

# arrives NUMBER COMMAND...: what that command says to the daemon comes to it.
arrives() {
    local number=$1 n
    shift
    n=$(nonce)
    # shellcheck disable=SC2086
    "$@" "$PYTHON" -c "$SAY" ${OUTSIDE[number - 1]} "$n" || true
    eventually 10 grep -q "$n" "$T/log.$number"
}
withheld() {
    local number=$1 n
    shift
    case ${OUTSIDE[number - 1]} in @*) [ "$LANDLOCK" -ge 6 ] || skip "this kernel cannot keep abstract sockets apart (Linux 6.12)" ;; esac
    n=$(nonce)
    # shellcheck disable=SC2086
    status 1 "$@" "$PYTHON" -c "$SAY" ${OUTSIDE[number - 1]} "$n"
    fails grep -q "$n" "$T/log.$number"
}
# Its own, of both kinds, between two processes; in a directory where one outside is masked.
own() {
    cat > "$T/own.py" <<PY
import os, socket, sys, tempfile
for name in ("\0own", tempfile.mkdtemp() + "/own"):
    s = socket.socket(socket.AF_UNIX); s.bind(name); s.listen(1)
    if os.fork() == 0:
        c = socket.socket(socket.AF_UNIX); c.connect(name); c.sendall(b"own"); os._exit(0)
    assert s.accept()[0].recv(10) == b"own"; os.wait()
a, b = socket.socketpair(); a.send(b"x"); assert b.recv(1) == b"x"
print("own go on")
PY
    "$@" "$PYTHON" "$T/own.py" | grep 'own go on'
}
kept() { arrives 1 "$1" --socket "$T/some/place/control" --; }
not_there() { status 125 "$1" --socket "$T/some/place/none" -- true; }
agent() { arrives 1 h c env SUDO_UID=65534 SUDO_GID=65534 SSH_AUTH_SOCK="$T/some/place/control" "$SLUICE" run --; }
# The name is the caller's; the socket is what counts.
agent_by_link() {
    ln -sfn "$T/some/place/control" "$T/agent"
    arrives 1 h c env SUDO_UID=65534 SUDO_GID=65534 SSH_AUTH_SOCK="$T/agent" "$SLUICE" run --
}
# Names of users and groups are asked at a socket on some machines.
users() { as_user -- sh -c 'id -un && getent passwd root' | grep '^root:'; }

# ---- what lies beside the sockets is as it was ----

# /run of a machine: a link of resolv.conf's kind, a mount, a directory of the user's own, one of the build's, sockets between.
h c mkdir -p /run/systemd/resolve /run/mounted /run/theirs /run/build/tree /run/lists
h c sh -c 'echo "nameserver 198.18.2.53" > /run/systemd/resolve/stub.conf && ln -s ../run/systemd/resolve/stub.conf /run/link && echo 7 > /run/some.pid
    mount -t tmpfs tmpfs /run/mounted && chmod 777 /run/mounted && echo mounted > /run/mounted/file && chown 65534 /run/theirs && chmod 777 /run/build/tree'
start "$T/daemon.run" c "$PYTHON" -c "$DAEMON" /run/daemon.sock SOCK_STREAM "$T/log.run"
# A directory that the user may not write to, with what it may.
mkdir -p "$T/mixed/inner" && echo text > "$T/mixed/text" && : > "$T/mixed/notes" && ln -s text "$T/mixed/link" && chown 65534 "$T/mixed/inner" "$T/mixed/notes"
start "$T/daemon.mixed" c "$PYTHON" -c "$DAEMON" "$T/mixed/control" SOCK_STREAM "$T/log.mixed"
eventually 15 [ -e "$T/log.run" ] && eventually 15 [ -e "$T/log.mixed" ] || t_fail "daemons beside files"

run_directory() {
    local who=$1
    [ "$($who -- cat /run/systemd/resolve/stub.conf /run/some.pid /run/mounted/file | tr '\n' ' ')" = 'nameserver 198.18.2.53 7 mounted ' ]
    $who -- sh -c "test -S /run/daemon.sock && ls /run/build > $T/theirs.out 2>&1; echo $who > /run/mounted/$who && [ \"\$(readlink /run/link)\" = ../run/systemd/resolve/stub.conf ]"
    [ "$(h c cat /run/mounted/$who)" = "$who" ]
}
own_in_run() {
    as_user -- sh -c 'echo kept > /run/theirs/result'
    [ "$(h c cat /run/theirs/result)" = kept ]
    h c sh -c 'cd /run/build/tree && exec "$@"' sh env SUDO_UID=65534 SUDO_GID=65534 "$SLUICE" run -- sh -c 'echo kept > result && [ "$(pwd)" = /run/build/tree ]'
    [ "$(h c cat /run/build/tree/result)" = kept ]
    # Root may write to /run as a package's installation does; it is not the machine's.
    as_root -- sh -c 'mkdir /run/package && echo 1 > /run/package/pid && echo 8 > /run/some.pid'
    [ "$(h c cat /run/some.pid)" = 7 ] && fails h c test -e /run/package
    status 1 as_user -- sh -c 'echo 9 | tee /run/some.pid'
}
mixed_directory() {
    [ "$(as_user -- sh -c "cat $T/mixed/link && echo note >> $T/mixed/notes && echo kept > $T/mixed/inner/result")" = text ]
    [ "$(cat "$T/mixed/notes" "$T/mixed/inner/result" | tr '\n' ' ')" = 'note kept ' ]
    : > "$T/mixed/notes"
    # Root writes where it wants: there only the socket is masked.
    as_root -- sh -c "echo root > $T/mixed/root"
    [ "$(cat "$T/mixed/root")" = root ]
    rm "$T/mixed/root"
}
kept_in_run() {
    local n
    n=$(nonce)
    $1 --socket /run/daemon.sock -- "$PYTHON" -c "$SAY" /run/daemon.sock SOCK_STREAM "$n"
    grep "$n" "$T/log.run"
    n=$(nonce)
    $1 --socket "$T/mixed/control" -- "$PYTHON" -c "$SAY" "$T/mixed/control" SOCK_STREAM "$n"
    grep "$n" "$T/log.mixed"
    status 1 $1 -- "$PYTHON" -c "$SAY" /run/daemon.sock SOCK_STREAM "$n"
}
# The directory is entered by its name; one that the job does not see is not.
directories() {
    [ "$(h c sh -c 'cd /run && exec "$@"' sh env SUDO_UID=65534 SUDO_GID=65534 "$SLUICE" run -- sh -c 'pwd; ls ../run/some.pid' | tr '\n' ' ')" = '/run ../run/some.pid ' ]
    h c mkdir -p /run/user/1/place
    status 125 h c sh -c 'cd /run/user/1/place && exec "$@"' sh env SUDO_UID=65534 SUDO_GID=65534 "$SLUICE" run -- true
    [ "$(h c sh -c 'mkdir /run/gone && cd /run/gone && rmdir /run/gone && exec "$@"' sh env SUDO_UID=65534 SUDO_GID=65534 "$SLUICE" run -- /bin/pwd)" = / ]
}

# A socket of another network namespace, as it is mounted into a container (an engine's).
start "$T/daemon.far" s "$PYTHON" -c "$DAEMON" "$T/far.sock" SOCK_STREAM "$T/log.far"
eventually 15 [ -e "$T/log.far" ] || t_fail "a daemon elsewhere"
: > "$T/mounted.sock" && h c sh -c ': > /run/mounted.sock; for at in /run/mounted.sock "$0/mounted.sock"; do mount --bind "$0/far.sock" $at; done' "$T"
mounted() {
    local n at
    for at in /run/mounted.sock "$T/mounted.sock"; do
        n=$(nonce)
        h c "$PYTHON" -c "$SAY" "$at" SOCK_STREAM "$n" && grep "$n" "$T/log.far"
        status 1 $1 -- "$PYTHON" -c "$SAY" "$at" SOCK_STREAM "$n.in"
        fails grep "$n.in" "$T/log.far"
        $1 --socket "$at" -- "$PYTHON" -c "$SAY" "$at" SOCK_STREAM "$n.kept" && grep "$n.kept" "$T/log.far"
    done
}
# What covers /run is not taken away from inside, by root of a user namespace either.
stays_covered() {
    $1 -- sh -c 'unshare -Urm sh -c "umount /run; umount -l /run; mkdir /tmp/view.$$; mount --bind / /tmp/view.$$; mount -t tmpfs t /mnt; exec \"\$@\"" sh "$@"; rmdir /tmp/view.* 2> /dev/null; exit 0' sh \
        "$PYTHON" -c "$SAY" /run/daemon.sock SOCK_STREAM "$1.around" > "$T/around.out" 2>&1
    fails grep "$1.around" "$T/log.run"
    grep refused "$T/around.out"
}

# Where the kernel refuses the overlay (here: two lie there already), that is said, and single sockets are masked.
no_overlay() {
    local n
    n=$(nonce)
    status 1 h c unshare -m --propagation private sh -c '
        mkdir -p "$0/layers" && mount -t tmpfs tmpfs "$0/layers" && cd "$0/layers" && mkdir u w v x && cd /
        mount -t overlay -o "lowerdir=/run,upperdir=$0/layers/u,workdir=$0/layers/w" overlay /run
        mount -t overlay -o "lowerdir=/run,upperdir=$0/layers/v,workdir=$0/layers/x" overlay /run
        exec "$@"' "$T" env SUDO_UID=65534 SUDO_GID=65534 "$SLUICE" run -- "$PYTHON" -c "$SAY" "$T/some/place/control" SOCK_STREAM "$n" 2> "$T/err.overlay"
    fails grep -q "$n" "$T/log.1"
    grep 'sluice: no overlay of /run' "$T/err.overlay"
}

LANDLOCK=$("$PYTHON" -c 'import ctypes; print(ctypes.CDLL(None, use_errno=True).syscall(444, 0, 0, 1))')
for number in 1 2 3 4 5 6 7; do check "without sluice ${OUTSIDE[number - 1]#"$T"/} is reached" arrives $number h c; done
for who in as_user as_root; do
    for number in 1 2 3 4 5 6 7; do check "${OUTSIDE[number - 1]#"$T"/} is not reached ($who)" withheld $number $who --; done
    check "sockets of its own ($who)" own $who --
    check "--socket keeps one ($who)" kept $who
    check "--socket with nothing there ($who)" not_there $who
done
for who in as_user as_root; do
    check "files, links and mounts of /run ($who)" run_directory $who
    check "--socket keeps one in /run, and in a directory that is covered ($who)" kept_in_run $who
done
check "the user's own in /run is the machine's, all else the job's" own_in_run
check "a directory with a socket keeps what the user may write" mixed_directory
check "the directory in which the command starts" directories
for who in as_user as_root; do
    check "sockets mounted from elsewhere ($who)" mounted $who
    check "what covers /run stays ($who)" stays_covered $who
done
check "a kernel that makes no overlay" no_overlay
check "the ssh agent is kept" agent
check "the ssh agent is kept, by another name" agent_by_link
check "names of users" users
finish
