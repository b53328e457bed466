#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A network behind the machine: 198.18.9.2 and 2001:db8:9::2 in a namespace, where all that arrives is recorded.
set -e
PATH=$PATH:/usr/sbin:/sbin
mkdir -p /var/lib/bed
boot=$(($(ls /var/lib/bed/out.*.pcap 2> /dev/null | wc -l) + 1))
ip link set lo up
ip netns add out
ip link add up0 type veth peer name out0 netns out
ip netns exec out sh -c 'echo 0 > /proc/sys/net/ipv6/conf/out0/accept_dad'
ip -n out address add 198.18.9.2/24 dev out0
ip -n out address add 2001:db8:9::2/64 dev out0 nodad
ip -n out link set lo up
ip -n out link set out0 up
ip netns exec out tcpdump -q -i out0 -U -Z root -s 200 -w "/var/lib/bed/out.$boot.pcap" udp > /dev/null 2>&1 &
until [ -s "/var/lib/bed/out.$boot.pcap" ]; do sleep 0.05; done
ip netns exec out python3 "${0%/*}/server.py" &
ip address add 198.18.9.1/24 dev up0
ip address add 2001:db8:9::1/64 dev up0 nodad
ip link set up0 up
cut -d' ' -f1 /proc/uptime > /run/network-up
