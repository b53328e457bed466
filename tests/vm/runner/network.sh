#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A network behind the machine: at 198.18.9.2, in a namespace, a resolver that knows every name below "example" and a web
# server that has a certificate for some.  Not for evil.example: nobody is there.
set -e
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
ip netns add out
ip link add up0 type veth peer name out0 netns out
ip -n out address add 198.18.9.2/24 dev out0
ip -n out link set lo up
ip -n out link set out0 up
ip address add 198.18.9.1/24 dev up0
ip link set up0 up
ip route add default via 198.18.9.2
cd /run
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -keyout web.key -out web.pem -subj /CN=web \
    -addext 'subjectAltName=DNS:github.com,DNS:registry.example,DNS:files.example,DNS:not-allowed.example,IP:198.18.9.2' 2> /dev/null
ip netns exec out dnsmasq --no-resolv --no-hosts --user=root --address=/example/198.18.9.2 --address=/github.com/198.18.9.2 --local=/#/ \
    --listen-address=198.18.9.2 --bind-interfaces --pid-file= --no-daemon --log-queries --log-facility=/run/dns.log &
ip netns exec out openssl s_server -quiet -accept 443 -cert web.pem -key web.key -www > /dev/null 2>&1 &
echo "nameserver 198.18.9.2" > /etc/resolv.conf
cp web.pem /etc/ssl/certs/bed.pem
