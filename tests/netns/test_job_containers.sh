#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2329
# sluice job with containers of real engines: each job holds its own, with the networks that come and go, and no other's.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
bed
trap engines_down EXIT
engines_up
for network in net-a net-b; do docker network create "$network" > /dev/null; done
docker_run a1 --network net-a
docker_run svc-a --network net-a -p 8082:9000 -p 198.18.1.2:8083:9001
docker_run b1 --network net-b
rootless_up own-a
rootless_up own-b
for network in own-a own-b; do
    rootless $network network create user > /dev/null
    rootless_run $network $network-1 # the same addresses as the other's
    rootless_run $network $network-2 --network user
done
rootless_run own-a own-a-svc -p 8085:9000
docker_run shared1
docker_run shared2

client() {
    case $IN in
    pod*) podman exec "$IN" "$@" ;;
    less*) builder_podman exec "$IN" "$@" ;;
    own-?-*) rootless "${IN%-*}" exec "$IN" "$@" ;;
    *) docker exec "$IN" "$@" ;;
    esac
}
attack() { client curl -s --max-time 15 "http://198.18.3.66/$1"; }
get() { IN=$1 fetch --max-time 30 "https://$2/hello"; }
may() { [ "$(get "$@")" = "hello from $2" ]; }
may_not() { quick 4000 fails get "$@"; }
says() { [ "$(IN=$1 client timeout 20 sh -c 'echo hello | socat -t "$2" - "$1"' sh "$2" "${3:-15}")" = hello ]; }
says_not() { fails says "$@"; }
listens() { IN=$1 client sh -c 'socat "$1,fork,reuseaddr" EXEC:cat > /dev/null 2>&1 &' sh "$2"; }
job() { h c timeout $((60 * SLOW)) "$SLUICE" job "$@"; }
below() { job list "$1" --json | jq -c '.jobs[0].below | del(.end)'; }
empty() { [ "$(below "$1")" = '{"interface":[],"source":[],"address":[]}' ]; }
ip_of() { docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"; }
listens svc-a TCP4-LISTEN:9000
listens svc-a TCP4-LISTEN:9001
listens svc-a UDP4-LISTEN:9002
listens shared2 TCP4-LISTEN:9000
listens own-a-svc TCP4-LISTEN:9000
for IN in svc-a shared2 own-a-svc; do eventually 15 client grep -q :2328 /proc/net/tcp; done
IN=svc-a eventually 15 client grep -q :2329 /proc/net/tcp
IN=svc-a eventually 15 client grep -q :232A /proc/net/udp

cat > "$T/policy.yaml" <<YAML
version: 1
resolvers: [198.18.2.53]
profiles:
  none: { allow: [] }
  one: { allow: [allowed.test] }
  two: { allow: [other.test] }
scopes:
  - { name: containers, match: { interface: [docker0, "br-*", "podman*"] }, profile: none }
unmatched: pass
YAML
check "without the gate" eval 'IN=a1; attack_reaches attack && may a1 allowed.test && may b1 other.test && says b1 TCP4:198.18.1.2:8082 && says shared1 "TCP4:$(ip_of shared2):9000"'
gate_up output "$T/policy.yaml"
check "before a job the scope of the bridges holds" eval 'may_not a1 allowed.test && may_not b1 other.test'

two_jobs() {
    job start --id a --profile one --container a1 --container svc-a --incoming
    job start --id b --profile two --container b1
    may a1 allowed.test
    may b1 other.test
    may_not a1 other.test
    said 0 not_in_allowlist '"job":"a"'
    may_not b1 allowed.test
    said 0 not_in_allowlist '"job":"b"'
    local n IN=a1
    n=$(nonce)
    fails attack "$n"
    expect_not_arrived "$n"
}
inside() {
    says a1 TCP4:svc-a:9000
    eventually 10 says a1 UDP4:svc-a:9002 2 # nobody says that it has ended, and one datagram may be lost
    says a1 TCP4:198.18.1.2:8082
    says a1 TCP4:198.18.1.2:8083
    says_not b1 TCP4:198.18.1.2:8082
    says_not b1 "TCP4:$(ip_of svc-a):9000"
}
one_bridge() {
    job start --id c --profile one --container shared1
    job start --id d --profile two --container "$(docker inspect -f '{{.Id}}' shared2)"
    may shared1 allowed.test && may_not shared1 other.test
    may shared2 other.test && may_not shared2 allowed.test
    says_not shared1 "TCP4:$(ip_of shared2):9000"
}
comes_and_goes() {
    local n IN=later
    job start --id e --profile one --cgroup "$CGROUP/e"
    empty e
    docker_run later --cgroup-parent "$CGROUP/e"
    n=$(nonce)
    fails attack "$n" # nobody waited
    expect_not_arrived "$n"
    eventually 10 fails empty e
    eventually 10 may later allowed.test
    may_not later other.test
    docker network connect net-late later
    eventually 10 eval 'below e | grep -q br-'
    docker rm -f later > /dev/null
    eventually 10 empty e
}
by_podman() {
    local IN=pod-job
    podman run -d --name pod-job --cgroup-parent "$CGROUP/e/pods" "${IN_CONTAINER[@]}" base sleep 3600 > /dev/null 2>&1
    eventually 10 fails empty e
    eventually 10 may pod-job allowed.test
    may_not pod-job other.test
    podman rm -f -t 0 pod-job > /dev/null
}
rootless_podman() {
    local n IN=less-job
    builder_run less-job
    n=$(nonce)
    attack "$n" # no scope holds this user yet
    job start --id f --profile one --container less-job
    may less-job allowed.test
    may_not less-job other.test
    n=$(nonce)
    fails attack "$n"
    expect_not_arrived "$n"
}
# What sends is the slirp4netns beside the user's dockerd: all that it runs is the job's whose cgroup that is.
rootless_docker() {
    local n IN id
    for IN in own-a-1 own-a-2 own-b-1 own-b-2; do
        n=$(nonce)
        attack "$n" # no scope holds this user yet
        expect_arrived "$n"
    done
    says own-b-1 TCP4:198.18.1.2:8085
    status 2 job start --id i --profile one --container own-a-1 2> "$T/err"
    has "container own-a-1: no running one is known" "$T/err"
    job start --id i --profile one --cgroup "$CGROUP/own-a"
    job start --id j --profile two --cgroup "$CGROUP/own-b"
    empty i && empty j
    for id in a b; do
        for IN in own-$id-1 own-$id-2; do
            n=$(nonce)
            fails attack "$n"
            expect_not_arrived "$n"
        done
    done
    may own-a-1 allowed.test && may own-a-2 allowed.test
    may_not own-a-1 other.test && may_not own-a-2 other.test
    said 0 not_in_allowlist '"job":"i"'
    may own-b-1 other.test && may own-b-2 other.test
    may_not own-b-1 allowed.test && may_not own-b-2 allowed.test
    said 0 not_in_allowlist '"job":"j"'
    rootless_run own-a own-a-late # nobody waited
    IN=own-a-late
    n=$(nonce)
    fails attack "$n"
    expect_not_arrived "$n"
    may own-a-late allowed.test
    says own-a-1 TCP4:198.18.1.2:8085
    says_not own-b-1 TCP4:198.18.1.2:8085
}
wrong() {
    status 2 job start --id x --profile one --container nosuch 2> "$T/err"
    has "container nosuch: no running one is known" "$T/err"
    docker_run a2 --network net-a --cgroup-parent "$CGROUP/x"
    status 2 job start --id x --profile two --container a2 2> "$T/err"
    has 'job "a" has a network that a container of this one is in' "$T/err"
}
own_resolver() {
    resolver c 127.0.0.1
    docker network create net-r > /dev/null
    docker_run r1 --network net-r
    docker_run r2 --network net-r --dns 198.18.2.53
    status 2 job start --id r --profile one --container r1 --resolver 198.18.2.53 2> "$T/err"
    has 'container r1: its resolver \(Docker.s, 127.0.0.11\) asks from the host.s own network, past the job. Say \{ "dns": \[ ".*" \] \} in /etc/docker/daemon.json' "$T/err"
    docker rm -f r1 > /dev/null
    job start --id r --profile one --container r2 --resolver 198.18.2.53
    may r2 allowed.test
    may_not r2 other.test
}
# A job on the host itself, with a service in a container.
of_host() {
    docker_run svc-h -p 8084:9000
    listens svc-h TCP4-LISTEN:9000
    eventually 15 docker exec svc-h grep -q :2328 /proc/net/tcp
    job start --id h --profile one --cgroup "$CGROUP/h" --container svc-h --incoming
    local to
    for to in "$(ip_of svc-h):9000" 127.0.0.1:8084; do
        [ "$(echo hello | in_cgroup "$CGROUP/h" timeout 20 socat -t 15 - "TCP4:$to")" = hello ] || die "$to" || return 1
    done
    fails in_cgroup "$CGROUP/h" curl -s --max-time 15 http://198.18.3.66/
    IN=svc-h fails client curl -s --max-time 15 http://198.18.3.66/
}
ends() {
    job end a 2> "$T/err"
    has 'job a left something running, which no other scope holds' "$T/err"
    may_not a1 allowed.test
    may b1 other.test
    docker rm -f a1 svc-a > /dev/null
    eventually 10 eval '! job list --json | jq -e "[.jobs[].id] | index(\"a\")" > /dev/null'
}
docker network create net-late > /dev/null
check "two jobs, a container and a network each: neither passes the other's names" two_jobs
check "what a job's containers listen at is inside, published or not, and not for another job" inside
check "two jobs on the default bridge" one_bridge
check "a container that a job starts is the job's, with its networks, until it goes" comes_and_goes
check "podman as root below a job's cgroup" by_podman
check "rootless podman" rootless_podman
check "rootless Docker: a job a user's dockerd, two with different profiles" rootless_docker
check "what a start refuses" wrong
check "Docker's resolver: the start says what to change" own_resolver
check "a job of the host and its service container" of_host
check "what an ended job's containers send is refused until they are gone" ends
gate_down
finish
