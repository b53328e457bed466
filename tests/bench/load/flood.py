#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""flood.py syn|dns|refused SOURCE MSEC: as fast as one process can, from SOURCE; "began", then "sent N" a second at the end (or SIGINT).

syn: SYNs to an allowed address from raw sockets, each another port.  dns: questions for names that are refused.  refused: connections
to an address that was never resolved."""
import random
import signal
import socket
import struct
import sys
import time

kind, source, msec = sys.argv[1], sys.argv[2], int(sys.argv[3])
stop = []
signal.signal(signal.SIGINT, lambda *_: stop.append(1))


def checksum(data):
    words = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    words = (words >> 16) + (words & 0xFFFF)
    return ~(words + (words >> 16)) & 0xFFFF


def syns():
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    raw.bind((source, 0))
    target = socket.inet_aton("198.18.2.80")
    pseudo = socket.inet_aton(source) + target + struct.pack("!BBH", 0, 6, 20)
    while True:
        tcp = struct.pack("!HHLLBBHHH", random.randrange(1024, 65535), 443, random.getrandbits(32), 0, 5 << 4, 2, 64240, 0, 0)
        tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
        yield lambda packet=tcp: raw.sendto(packet, ("198.18.2.80", 0))


def questions():
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((source, 0))
    udp.connect(("198.18.2.53", 53))
    number = 0
    while True:
        number += 1
        label = b"n%d" % number
        message = struct.pack("!HHHHHH", number & 0xFFFF, 256, 1, 0, 0, 0) + bytes([len(label)]) + label + b"\x04evil\x04test\0\0\1\0\1"
        yield lambda message=message: udp.send(message)


def connections():
    while True:
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.setblocking(False)
        tcp.bind((source, 0))
        tcp.connect_ex(("198.18.2.99", 443))
        yield tcp.close


actions = {"syn": syns, "dns": questions, "refused": connections}[kind]()
sent, begin = 0, time.monotonic()
print("began", flush=True)
while not stop and time.monotonic() - begin < msec / 1000:
    try:
        next(actions)()
        sent += 1
    except OSError:
        time.sleep(0.0002)
print("sent %.0f" % (sent / (time.monotonic() - begin)), flush=True)
