#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""tamper.py PID TABLE: removes the table as nobody but its owner can: through the owning socket, taken out of process PID with
pidfd_getfd(2).  Exit status 0: it went."""
import ctypes
import os
import socket
import struct
import sys

NETLINK_NETFILTER, BATCH_BEGIN, BATCH_END, DELTABLE = 12, 0x10, 0x11, 0xA02
libc = ctypes.CDLL(None, use_errno=True)


def message(kind, flags, serial, family, resource, payload=b""):
    body = struct.pack(">BBH", family, 0, resource) + payload
    return struct.pack("=IHHII", 16 + len(body), kind, 1 | flags, serial, 0) + body


def remove(sock, table):
    name = table.encode() + b"\0"
    attribute = struct.pack("=HH", 4 + len(name), 1) + name + b"\0" * (-len(name) % 4)
    sock.setblocking(False)
    sock.sendto(message(BATCH_BEGIN, 0, 1, 0, 10) + message(DELTABLE, 4, 2, 1, 0, attribute) + message(BATCH_END, 0, 3, 0, 10), (0, 0))
    for _ in range(10):
        try:
            data = sock.recv(8192)
        except BlockingIOError:
            return False
        _, kind, _, serial, _ = struct.unpack_from("=IHHII", data)
        if kind == 2 and serial == 2:
            return struct.unpack_from("=i", data, 16)[0] == 0
    return False


def main():
    pid, table = int(sys.argv[1]), sys.argv[2]
    pidfd = os.pidfd_open(pid)
    for name in os.listdir(f"/proc/{pid}/fd"):
        fd = libc.syscall(438, pidfd, int(name), 0)
        try:
            sock = socket.socket(fileno=fd)
        except OSError:
            continue
        if (sock.family, sock.proto) == (socket.AF_NETLINK, NETLINK_NETFILTER) and remove(sock, table):
            sys.exit(0)
    sys.exit(1)


if __name__ == "__main__":
    main()
