#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datagrams to an allowed and to a refused place, each from a new socket, 20 times a second."""
import socket, time

time_up = open("/proc/uptime").read().split()[0]
with open("/run/talker-began", "w") as began:
    began.write(time_up)
n = 0
while True:
    n += 1
    for port, word in ((7777, "allowed-%d "), (9999, "forbidden-%d ")):
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.sendto(word.encode() % n, ("198.18.9.2", port))
        except OSError:
            pass
    with open("/run/talker-count", "w") as count:
        count.write(str(n))
    time.sleep(0.05)
