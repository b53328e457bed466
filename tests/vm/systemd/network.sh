#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A network behind the machine: 198.18.9.2 in a namespace, where all that arrives is recorded.
set -e
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
ip netns add out
ip link add up0 type veth peer name out0 netns out
ip -n out address add 198.18.9.2/24 dev out0
ip -n out link set lo up
ip -n out link set out0 up
ip netns exec out tcpdump -q -i out0 -U -w /run/out.pcap udp > /dev/null 2>&1 &
until [ -s /run/out.pcap ]; do sleep 0.05; done
ip address add 198.18.9.1/24 dev up0
ip link set up0 up
cut -d' ' -f1 /proc/uptime > /run/network-up
