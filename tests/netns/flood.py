#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Floods for test_flood.sh, each bounded in number and time.  SOURCE is an address of the host that runs this.

flood.py listen ADDRESS PORT...                    listens, accepts nothing, says nothing (until it is ended)
flood.py syn SOURCE ADDRESS PORT COUNT             SYNs from raw sockets, each from another port; no answer is awaited
flood.py hellos SOURCE ADDRESS PORT COUNT SECONDS  connections that each send the first part of a large ClientHello
flood.py refused SOURCE ADDRESS COUNT              connections, each to another port
flood.py dns SOURCE RESOLVER COUNT NAME [MANY]     questions for NAME, or for n<i>.NAME
flood.py ask SOURCE RESOLVER COUNT NAME            questions for n<i>.NAME, each answered before the next
flood.py datagrams SOURCE ADDRESS COUNT            to another port each
flood.py escape SOURCE ADDRESS RESOLVER FILE       connections, datagrams and questions, ten a second while FILE is there"""
import errno
import os
import random
import resource
import select
import socket
import struct
import sys
import time

resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def listen(address, *ports):
    socks = []
    for port in ports:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, int(port)))
        sock.listen(4096)
        socks.append(sock)
    print("ready", flush=True)
    time.sleep(600)


def syn(source, address, port, count):
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    ends = socket.inet_aton(source) + socket.inet_aton(address)
    began = time.monotonic()
    for i in range(int(count)):
        tcp = struct.pack("!HHIIBBHHH", 1024 + i % 64000, int(port), random.getrandbits(32), 0, 0x50, 2, 65000, 0, 0)
        tcp = tcp[:16] + struct.pack("!H", checksum(ends + struct.pack("!HH", 6, 20) + tcp)) + tcp[18:]
        raw.sendto(struct.pack("!BBHHHBBH", 0x45, 0, 40, i & 0xFFFF, 0, 64, 6, 0) + ends + tcp, (address, 0))
        if i % 200 == 199:  # on a slow machine slower: a flood is more than the limits let in, not more than a processor can carry
            time.sleep(max(0.01, time.monotonic() - began))
            began = time.monotonic()


def connecting(source, targets):
    """Starts a connection to each target; those that are open, and how many were refused."""
    poll, waiting, opened, refused = select.epoll(), {}, [], 0
    for target in targets:
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        sock.bind((source, 0))
        sock.connect_ex(target)
        waiting[sock.fileno()] = sock
        poll.register(sock.fileno(), select.EPOLLOUT)
    end = time.monotonic() + 60
    while waiting and time.monotonic() < end:
        for fd, _ in poll.poll(0.5):
            sock = waiting.pop(fd, None)
            if sock is None:
                continue
            poll.unregister(fd)
            if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                refused += 1
                sock.close()
            else:
                opened.append(sock)
    return opened, refused, len(waiting)


def hellos(source, address, port, count, seconds):
    opened, refused, waiting = connecting(source, [(address, int(port))] * int(count))
    part = b"\x16\x03\x01\x20\x00" + b"\x01\x00\x1f\xfc\x03\x03" + b"h" * 1300  # 8 KiB are promised
    for sock in opened:
        sock.send(part)
    print(f"{len(opened)} opened, {refused} refused, {waiting} without an answer", flush=True)
    time.sleep(float(seconds))
    cut = 0
    for sock in opened:
        try:
            sock.recv(1)
        except OSError as e:
            cut += e.errno == errno.ECONNRESET
    print(f"{cut} cut")


def refused(source, address, count):
    done = 0
    for start in range(0, int(count), 1000):
        _, some, _ = connecting(source, [(address, 1024 + start + i) for i in range(min(1000, int(count) - start))])
        done += some
    print(f"{done} refused")


def dns(source, resolver, count, name, many=""):
    socks = []
    for _ in range(min(64, int(count))):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((source, 0))
        sock.connect((resolver, 53))
        sock.setblocking(False)
        socks.append(sock)
    for i in range(int(count)):
        labels = (f"n{i}.{name}" if many else name).encode().split(b".")
        wire = b"".join(bytes([len(label)]) + label for label in labels)
        question = struct.pack("!HHHHHH", random.getrandbits(16), 0x100, 1, 0, 0, 0) + wire + b"\0\0\1\0\1"
        try:
            socks[i % len(socks)].send(question)
        except OSError:
            pass


def ask(source, resolver, count, name):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((source, 0))
    sock.connect((resolver, 53))
    for i in range(int(count)):
        wire = b"".join(bytes([len(label)]) + label for label in f"n{i}.{name}".encode().split(b"."))
        for wait in 1, 2, 4, 8:
            sock.settimeout(wait)
            try:
                sock.send(struct.pack("!HHHHHH", i, 0x100, 1, 0, 0, 0) + wire + b"\0\0\1\0\1")
                while sock.recv(600)[:2] != struct.pack("!H", i):
                    pass
                break
            except TimeoutError:
                pass


def order(source, resolver, count, name):
    """Questions for sixteen names in an order that means something; each is answered before the next."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((source, 0))
    sock.connect((resolver, 53))
    sock.settimeout(4)
    for i in range(int(count)):
        nibble = i if i < 16 else random.getrandbits(4)
        wire = b"".join(bytes([len(label)]) + label for label in f"o{nibble:x}.{name}".encode().split(b"."))
        sock.send(struct.pack("!HHHHHH", i, 0x100, 1, 0, 0, 0) + wire + b"\0\0\1\0\1")
        try:
            sock.recv(600)
        except TimeoutError:
            pass


def datagrams(source, address, count):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((source, 0))
    for i in range(int(count)):
        try:
            sock.sendto(b"flood", (address, 1024 + i % 60000))
        except OSError:
            pass


def escape(source, address, resolver, file):
    end = time.monotonic() + 300
    while os.path.exists(file) and time.monotonic() < end:
        stream, datagram = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stream.setblocking(False)
        stream.connect_ex((address, 80))
        dns(source, resolver, 1, "escaped-question.evil.test")
        try:
            datagram.sendto(b"escaped-datagram", (address, 9999))
        except OSError:
            pass
        time.sleep(0.1)
        try:
            stream.send(b"GET /escaped-request HTTP/1.0\r\n\r\n")
        except OSError:
            pass


COMMANDS = {f.__name__: f for f in (listen, syn, hellos, refused, dns, ask, order, datagrams, escape)}
COMMANDS[sys.argv[1]](*sys.argv[2:])
