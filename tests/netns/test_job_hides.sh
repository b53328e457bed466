#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2046,SC2086,SC2155,SC2209,SC2329
# What code in a job does to be looked for elsewhere: a container (a network behind a bridge, its process in the job's cgroup) whose
# first thread ends or goes to another network, or that gives itself another's address; a process that is taken over with a dead first thread.
. "$(dirname "$0")/lib.sh"
bed
FORM=output
AS_NOBODY="setpriv --reuid 65534 --regid 65534 --clear-groups"
BRIDGE=br-0123456789ab
job() { h c timeout $((60 * SLOW)) "$SLUICE" job "$@"; }
cat > "$T/hides.py" <<'PY'
import ctypes, os, socket, sys, threading, time
log, mode, libc = open(sys.argv[1], "a", buffering=1), sys.argv[2], ctypes.CDLL(None)
pool = []
def probe():
    while True:
        s = pool.pop() if pool else socket.socket()
        s.settimeout(2)
        try:
            s.connect(("198.18.2.80", 80))
            s.sendall(b"GET /hello HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n")
            log.write("OUT\n" if s.recv(200) else "refused\n")
        except OSError:
            log.write("refused\n")
        s.close()
        time.sleep(0.5)
if mode == "sockets":
    time.sleep(3)
    pool = [socket.socket() for _ in range(60)]
    libc.unshare(0x50000000)
    log.write("hidden\n")
    probe()
threading.Thread(target=probe).start()
time.sleep(3)
log.write("hidden\n")
if mode == "exit": libc.syscall(60, 0)
if mode == "unshare": libc.unshare(0x40000000)
time.sleep(300)
PY
# container CGROUP COMMAND...: in a network of its own behind the bridge, 172.30.0.2.
container() {
    local cgroup=$1 pid
    shift
    in_cgroup "$cgroup" setpriv --pdeathsig KILL unshare -n sh -c 'until ip link show e0 > /dev/null 2>&1; do sleep 0.1; done
        ip link set lo up && ip addr add 172.30.0.2/24 dev e0 && ip link set e0 up && ip route add default via 172.30.0.1
        exec "$@"' sh "$@" &
    eventually 10 grep -q . "$CGROUPS$CGROUP/$cgroup/cgroup.procs"
    pid=$(head -n 1 "$CGROUPS$CGROUP/$cgroup/cgroup.procs")
    eventually 10 sh -c '[ "$(readlink /proc/$1/ns/net)" != "$(readlink /proc/$2/ns/net)" ]' sh "$pid" "${HOST[c]}"
    h c ip link add v0 type veth peer name e0 netns "$pid"
    h c ip link set v0 master $BRIDGE up
}
container_down() {
    local pid
    for pid in $(cat "$CGROUPS$CGROUP/$1/cgroup.procs"); do kill -KILL "$pid" 2> /dev/null || :; done
    eventually 10 sh -c '! nsenter -t $1 -n ip link show v0 > /dev/null 2>&1' sh "${HOST[c]}"
}
h c sh -c "echo 1 > /proc/sys/net/ipv4/ip_forward; ip link add $BRIDGE type bridge; ip addr add 172.30.0.1/24 dev $BRIDGE; ip link set $BRIDGE up
    nft add table ip fnat; nft 'add chain ip fnat post { type nat hook postrouting priority 100; }'; nft add rule ip fnat post ip saddr 172.30.0.0/24 masquerade"

cat > "$T/policy.yaml" <<YAML
version: 1
resolvers: [198.18.2.53]
profiles:
  node: { allow: [allowed.test], phases: { build: {} } }
scopes: []
unmatched: pass
YAML
listed() { job list --json | jq -e --arg j "$1" --arg a "$2" '.jobs[] | select(.id == $j) | .below.address | index($a)' > /dev/null; }
reaches() {
    : > "$T/log"
    container free "$PYTHON" "$T/hides.py" "$T/log" stays
    eventually 10 grep -q OUT "$T/log"
    container_down free
}
hides() {
    : > "$T/log"
    job start --id "h$1" --profile node --cgroup "$CGROUP/h$1"
    rm -f "$T/go"
    container "h$1" sh -c 'until [ -e "$0" ]; do sleep 0.1; done; exec "$@"' "$T/go" "$PYTHON" "$T/hides.py" "$T/log" "$1"
    eventually 10 listed "h$1" 172.30.0.2
    touch "$T/go"
    eventually 20 grep -q hidden "$T/log"
    sleep 5
    job list --json | jq -c '.jobs[].id'
    tail -n 3 "$T/log" | grep -q refused
    fails grep -q OUT "$T/log"
    job end "h$1" --kill
    container_down "h$1"
}
namespaces_without_end() {
    : > "$T/log"
    job start --id many --profile node --cgroup "$CGROUP/many"
    rm -f "$T/go"
    container many/c sh -c 'until [ -e "$0" ]; do sleep 0.1; done; exec "$@"' "$T/go" "$PYTHON" "$T/hides.py" "$T/log" stays
    eventually 10 listed many 172.30.0.2
    touch "$T/go"
    eventually 10 grep -q refused "$T/log"
    in_cgroup many $AS_NOBODY unshare -Ur "$PYTHON" -c '
import os, time
for _ in range(1100):
    if os.fork() == 0:
        os.unshare(os.CLONE_NEWNET) if hasattr(os, "unshare") else __import__("ctypes").CDLL(None).unshare(0x40000000)
        time.sleep(300)
        os._exit(0)
time.sleep(300)' &
    eventually 60 grep -q "job many: its containers' networks: more than" "$T/gate.log"
    sleep 3
    fails grep -q OUT "$T/log"
    job end many --kill
    h c ip link del v0 2> /dev/null || :
}
gives_itself_addresses() {
    job start --id na --profile node --cgroup "$CGROUP/na"
    container na sh -c 'ip addr add 198.18.3.66/32 dev e0; sleep 300'
    eventually 10 listed na 172.30.0.2
    sleep 1.5
    fails listed na 198.18.3.66
    fails in_cgroup na $AS_NOBODY "$PYTHON" "$ROOT/tests/netns/near.py" connect 198.18.3.66 80 x
    job end na --kill
    container_down na
}
# Two jobs on a bridge that containers share: an address goes with its container, whatever else of the job lives on.
an_address_goes_to_another() {
    local shared=docker0 before=$BRIDGE
    h c ip link set $BRIDGE down && h c ip link set $BRIDGE name $shared && h c ip link set $shared up
    BRIDGE=$shared
    : > "$T/log"
    job start --id first --profile node --allow http://other.test --cgroup "$CGROUP/first"
    job start --id second --profile node --cgroup "$CGROUP/second"
    in_cgroup first sleep 120 &
    container first/c sleep 120
    eventually 5 listed first 172.30.0.2
    container_down first/c
    container second "$PYTHON" "$T/hides.py" "$T/log" stays
    eventually 5 listed second 172.30.0.2 || return 1
    fails listed first 172.30.0.2
    job end first --kill
    job end second --kill
    container_down second
    h c ip link set $shared down && h c ip link set $shared name $before && h c ip link set $before up
    BRIDGE=$before
}
# A job may call a process of its own as the monitor of another's container is called.
cat > "$T/monitor.py" <<'PY'
import os, sys, time
open("/proc/self/comm", "w").write("conmon")
if os.fork() == 0:
    if sys.argv[3]: open(sys.argv[3], "w").write("0")
    time.sleep(60)
time.sleep(60)
PY
says_to_be_a_monitor() {
    job start --id liar --profile node --cgroup "$CGROUP/liar"
    mkdir -p "$CGROUPS$CGROUP/victim"
    in_cgroup host "$PYTHON" "$T/monitor.py" -n victim "$CGROUPS$CGROUP/victim/cgroup.procs" &
    in_cgroup liar "$PYTHON" "$T/monitor.py" -n victim "" &
    eventually 5 grep -q . "$CGROUPS$CGROUP/victim/cgroup.procs"
    eventually 5 liars 2
    job start --id honest --profile node --container victim
    job list --json | jq -e --arg c "$CGROUP/victim" '.jobs[] | select(.id == "honest") | .cgroup == [$c]'
    job end honest --kill
    job end liar --kill
    for pid in $(cat "$CGROUPS$CGROUP/host/cgroup.procs"); do kill -KILL "$pid" 2> /dev/null || :; done
}
liars() { [ "$(for pid in $(cat "$CGROUPS$CGROUP/liar/cgroup.procs"); do cat "/proc/$pid/comm"; done | grep -c conmon)" = "$1" ]; }
# Its first thread is dead: the kernel leaves it in the cgroup of before.
dead_first_thread() {
    in_cgroup host setpriv --pdeathsig KILL "$PYTHON" -c '
import ctypes, threading, time
threading.Thread(target=lambda: time.sleep(300)).start()
ctypes.CDLL(None).syscall(60, 0)' &
    eventually 10 sh -c 'pid=$(head -n 1 "$1"); grep -q "^[0-9]* (.*) Z" "/proc/$pid/stat"' sh "$CGROUPS$CGROUP/host/cgroup.procs"
    local pid=$(head -n 1 "$CGROUPS$CGROUP/host/cgroup.procs")
    status 1 job start --id dead --profile node --pid "$pid" 2> "$T/out" > /dev/null
    has 'cannot be moved, for its first thread has ended' "$T/out"
    job end dead --release || :
    kill -KILL "$pid"
}
# From inside, by a thread that outlives the first: it is in its job all the same, or nobody.
dead_peer() {
    job start --id peer --profile node --cgroup "$CGROUP/peer" --phase build
    in_cgroup peer "$PYTHON" -c '
import ctypes, socket, sys, threading, time
def ask():
    time.sleep(0.5)
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(3)
    try:
        s.connect(sys.argv[1])
        s.sendall(b"{\"version\": 1, \"request\": \"job_end\", \"id\": \"peer\"}\n")
        print(s.recv(1000).decode(), flush=True)
    except OSError as e: print(e, flush=True)
threading.Thread(target=ask).start()
ctypes.CDLL(None).syscall(60, 0)' "$(h c sh -c 'echo /run/sluice/*gate.sock')" > "$T/out" 2>&1 || :
    sleep 1.5
    cat "$T/out"
    fails grep -q '"ok": *true' "$T/out"
    job list --json | jq -e '.jobs[0].ended | not'
    job end peer --kill
}
# Jobs tell so much, while the keeper stands still, that another's one refusal is lost between inspector and keeper: it is that job's
# all the same, in its summary and for --fail-on; and a job that was refused nothing has nothing.
floods_to_hide() {
    local i rounds
    for i in $(seq 16) quiet silent clean; do job start --id "f$i" --profile node --cgroup "$CGROUP/f$i" > /dev/null; done
    for rounds in 4 12 36; do # until the channel was full: who is told all of it has not lost it
        flood_while_stopped $rounds
        status 3 job end fquiet --summary md --fail-on deny > "$T/quiet.md" || { cat "$T/quiet.md" && return 1; }
        grep -q '1 of them are not listed below' "$T/quiet.md" && break
        job start --id fquiet --profile node --cgroup "$CGROUP/fquiet"
    done
    has '1 of them are not listed below' "$T/quiet.md"
    eventually 30 silent_listed
    status 0 job end fclean --fail-on deny,alert
    eventually 30 quiet_told
    status 3 job end fsilent --fail-on alert
    for i in $(seq 16); do job end "f$i" > "$T/out"; done
    has 'refused \([0-9]+ not listed\)' "$T/out"
}
flood_while_stopped() { # ROUNDS
    local pid i floods=()
    pid=$(role_pid keeper)
    kill -STOP "$pid"
    for _ in $(seq "$1"); do
        for i in $(seq 16); do in_cgroup "f$i" "$PYTHON" "$ROOT/tests/netns/flood.py" datagrams 198.18.1.2 198.18.3.66 700 & floods[i]=$!; done
        wait "${floods[@]}"
        sleep 1 # as many a second are told of each
    done
    for i in quiet silent; do in_cgroup f$i "$PYTHON" "$ROOT/tests/netns/flood.py" datagrams 198.18.1.2 198.18.3.66 1; done
    kill -CONT "$pid"
}
silent_listed() { job list > "$T/out" && grep -Eq '^fsilent .* refused \(1 not listed\)' "$T/out"; }
quiet_told() { jq -es 'any(.[]; .event.reason == "attacks_lost" and .sluice.job == "fquiet" and .sluice.verdict == "deny")' "$T/events" > /dev/null; }
# The keeper has not yet seen the container of a job: until then it is its bridge's scope's.
before_it_is_seen() {
    local pid
    sed 's/^scopes:.*/scopes: [{ name: bridges, match: { interface: [docker0, "br-*", "podman*"] }, profile: none }]/; s/^profiles:/&\n  none: {}/' \
        "$T/policy.yaml" > "$T/bridges.yaml"
    h c "$SLUICE" apply "$T/bridges.yaml"
    job start --id soon --profile node --cgroup "$CGROUP/soon" 2> "$T/out"
    [ ! -s "$T/out" ] # no warning
    : > "$T/log"
    pid=$(role_pid keeper)
    kill -STOP "$pid"
    container soon "$PYTHON" "$T/hides.py" "$T/log" stays
    eventually 20 grep -q refused "$T/log" || { kill -CONT "$pid" && return 1; }
    fails grep -q OUT "$T/log"
    kill -CONT "$pid"
    eventually 10 listed soon 172.30.0.2
    eventually 10 seen_as_bridge
    fails grep -q OUT "$T/log"
    job end soon --kill
    container_down soon
    h c "$SLUICE" apply "$T/policy.yaml"
}
seen_as_bridge() { jq -es 'any(.[]; .sluice.scope == "bridges" and .sluice.verdict == "deny" and .destination.ip == "198.18.2.80")' "$T/events" > /dev/null; }

gate_up output "$T/policy.yaml"
check "without a job the container reaches it" reaches
check "a container whose first thread ends" hides exit
check "a container whose first thread goes to another network" hides unshare
check "a container that opens sockets and goes to another network" hides sockets
check "more network namespaces than are looked at" namespaces_without_end
check "a container that gives itself another's address" gives_itself_addresses
check "an address that is another job's container's now" an_address_goes_to_another
check "a job that calls a process the monitor of another's container" says_to_be_a_monitor
check "a process that is taken over, its first thread dead" dead_first_thread
check "a peer whose first thread is dead" dead_peer
check "a container that the gate has not seen yet, on a bridge that a scope holds" before_it_is_seen
check "a refusal that is lost in what other jobs tell" floods_to_hide
finish
