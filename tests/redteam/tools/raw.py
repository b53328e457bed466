# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets made by hand, for attacks that no ordinary socket makes.  Needs CAP_NET_RAW (SOCK_RAW with our own IP header, which goes
through the output hook as any packet does).  The bed drops the resets that our kernel sends from ports 61000 and up, which it knows
nothing of.

    ip4(dst, protocol, body, ...), ip6(dst, header, body, ...), udp(...), tcp(...)   bytes
    send(packet)                                                                     one packet
    frame(gateway, packet)                                                           one packet, as a frame to the gateway
    Tcp(dst, port)                                                                   a TCP client of our own
    hello(name)                                                                      a ClientHello record, as OpenSSL makes it"""
import fcntl
import os
import random
import socket
import ssl
import struct
import time

ME4, ME6 = "198.18.1.2", "2001:db8:1::2"
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo(src, dst, protocol, length):
    if ":" in dst:
        return socket.inet_pton(10, src) + socket.inet_pton(10, dst) + struct.pack(">II", length, protocol)
    return socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack(">HH", protocol, length)


def ip4(dst, protocol, body, src=ME4, ttl=64, tos=0, ident=None, fragment=0, options=b"", total=None):
    ident = random.randrange(1, 65536) if ident is None else ident
    words = 5 + len(options) // 4
    head = struct.pack(">BBHHHBBH", 0x40 | words, tos, total or words * 4 + len(body), ident, fragment, ttl, protocol, 0)
    head += socket.inet_aton(src) + socket.inet_aton(dst) + options
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def ip6(dst, header, body, src=ME6, ttl=64, tclass=0):
    return struct.pack(">IHBB", 6 << 28 | tclass << 20, len(body), header, ttl) + socket.inet_pton(10, src) + socket.inet_pton(10, dst) + body


def udp(dst, dport, data, sport=None, src=None, protocol=17, length=None):
    src = src or (ME6 if ":" in dst else ME4)
    sport = sport or random.randrange(61000, 65000)
    size = 8 + len(data) if length is None else length
    head = struct.pack(">HHHH", sport, dport, size, 0)
    return head[:6] + struct.pack(">H", checksum(pseudo(src, dst, protocol, 8 + len(data)) + head + data) or 0xFFFF) + data


def tcp(dst, sport, dport, seq, ack, flags, data=b"", options=b"", src=None, window=64240, urgent=0, offset=None, bad_sum=False):
    src = src or (ME6 if ":" in dst else ME4)
    options += b"\1" * (-len(options) % 4)
    words = 5 + len(options) // 4 if offset is None else offset
    head = struct.pack(">HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, words << 4, flags, window, 0, urgent) + options
    total = checksum(pseudo(src, dst, 6, len(head) + len(data)) + head + data) ^ (0x5555 if bad_sum else 0)
    return head[:16] + struct.pack(">H", total) + head[18:] + data


_out = {}


def send(packet):
    """With our own IP header.  What the gate refuses at once (EPERM) is told by no exception."""
    six = packet[0] >> 4 == 6
    if six not in _out:
        _out[six] = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    to = (socket.inet_ntop(10, packet[24:40]), 0) if six else (socket.inet_ntoa(packet[16:20]), 0)
    try:
        _out[six].sendto(packet, to)
    except OSError as error:
        print("send:", error)


def frame(gateway, packet):
    """By packet socket to the gateway's MAC address, also what our own kernel would keep (to ME4)."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind(("c0", 0))
    sock.send(bytes.fromhex(gateway.replace(":", "")) + sock.getsockname()[4] + b"\x08\0" + packet)


def hello(name, padding=0):
    """The record with the ClientHello for `name` (`padding`: so many bytes more, in names of ALPN)."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"] + ["x" * 200 + str(i) for i in range(padding // 203)])
    out = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def decoy(name):
    """An allowed name of the same length."""
    return ("d" * 64)[: len(name) - len(".wild.test")] + ".wild.test"


def own_port():
    """A port that no connection of this run had before: nobody told the server of its end, so it would not answer another SYN."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "ports"), "r+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        number = int(file.read() or 0)
        file.seek(0)
        file.write(str(number + 1))
    return 61010 + number % 4400


class Tcp:
    """One connection by hand.  at: offset of the next byte of ours (0 is the first behind the SYN)."""

    def __init__(self, dst, dport, sport=None, timeout=2.0, timestamps=True):
        self.dst, self.dport, self.sport = dst, dport, sport or own_port()
        self.isn, self.ack, self.at, self.stamps, self.peer_stamp = random.randrange(1 << 32), 0, 0, timestamps, 0
        self.stamp = random.randrange(1 << 20, 1 << 30)
        self.inward = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        self.inward.settimeout(timeout)

    def options(self, stamp=0):
        return b"\1\1\x08\x0a" + struct.pack(">II", self.stamp + stamp, self.peer_stamp) if self.stamps else b""

    def packet(self, data=b"", at=None, flags=ACK | PSH, ack=None, options=None, ttl=64, stamp=0, **more):
        at = self.at if at is None else at
        options = self.options(stamp) if options is None else options
        ack = self.ack if ack is None else ack
        return ip4(self.dst, 6, tcp(self.dst, self.sport, self.dport, self.isn + 1 + at, ack, flags, data, options, **more), ttl=ttl)

    def send(self, data=b"", **more):
        send(self.packet(data, **more))
        if "at" not in more:
            self.at += len(data)

    def receive(self):
        """The next segment of this connection: (flags, data); None after the time-out."""
        end = time.monotonic() + self.inward.gettimeout()
        while time.monotonic() < end:
            try:
                packet = self.inward.recv(65535)
            except TimeoutError:
                return None
            head = (packet[0] & 15) * 4
            sport, dport, seq, ack, words, flags = struct.unpack(">HHIIBB", packet[head : head + 14])
            if (sport, dport) != (self.dport, self.sport) or packet[12:16] != socket.inet_aton(self.dst):
                continue
            data, at = packet[head + (words >> 4) * 4 :], packet[head + 20 : head + (words >> 4) * 4]
            where = at.find(b"\x08\x0a")
            if self.stamps and where >= 0:
                self.peer_stamp = struct.unpack(">I", at[where + 2 : where + 6])[0]
            if not flags & RST:
                self.ack = seq + len(data) + (1 if flags & (SYN | FIN) else 0)
            return flags, data
        return None

    def open(self, data=b"", options=b"", patience=None):
        """The handshake; True when the server answered it, within `patience` seconds."""
        usual = self.inward.gettimeout()
        self.inward.settimeout(patience or usual)
        try:
            return self.handshake(data, options)
        finally:
            self.inward.settimeout(usual)

    def handshake(self, data, options):
        mss = b"\2\4\5\xb4" + (b"\4\2\x08\x0a" + struct.pack(">II", self.stamp, 0) if self.stamps else b"")
        send(ip4(self.dst, 6, tcp(self.dst, self.sport, self.dport, self.isn, 0, SYN, data, mss + options)))
        while (got := self.receive()) is not None and not got[0] & RST:
            if got[0] & SYN:
                self.send(flags=ACK)
                return True
        return False
