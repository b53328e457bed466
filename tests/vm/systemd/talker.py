#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datagrams to an allowed and to a refused place, each from a new socket, 20 times a second, by IPv4 and IPv6; and two connections to
an allowed server that are read for as long as they live: /run/talker-stream-4 and -6 say which one it is, and how much came."""
import os, socket, threading, time

PLACES = ((4, socket.AF_INET, "198.18.9.2"), (6, socket.AF_INET6, "2001:db8:9::2"))
with open("/run/talker-began", "w") as began:
    began.write(open("/proc/uptime").read().split()[0])


def stream(version, family, address):
    connections = 0
    while True:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as s:
                s.settimeout(20)
                s.connect((address, 7778))
                connections, numbers = connections + 1, s.makefile("rb")
                for n in range(1, 1 << 30):
                    if int(numbers.readline()) != n:
                        break
                    with open(f"/run/talker-stream-{version}.new", "w") as count:
                        count.write(f"{connections} {n}\n")
                    os.rename(f"/run/talker-stream-{version}.new", f"/run/talker-stream-{version}")
        except (OSError, ValueError):
            time.sleep(0.1)


for place in PLACES:
    threading.Thread(target=stream, args=place, daemon=True).start()
n = 0
while True:
    n += 1
    for version, family, address in PLACES:
        for port, word in ((7777, "allowed"), (9999, "forbidden")):
            try:
                with socket.socket(family, socket.SOCK_DGRAM) as s:
                    s.sendto(b"%s%d-%d " % (word.encode(), version, n), (address, port))
            except OSError:
                pass
    with open("/run/talker-count", "w") as count:
        count.write(str(n))
    time.sleep(0.05)
