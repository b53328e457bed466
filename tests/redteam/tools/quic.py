#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""QUIC Initials (RFC 9000 s17.2.2, RFC 9369) and datagrams that look like them, to 198.18.2.80:443.  The word stands in the connection
id, which is not encrypted: what is inside matters to whoever judges QUIC, here nothing of it may leave.

quic.py ngtcp2 NONCE TOOLS       Debian's ngtcp2 client, told the first connection id
quic.py initials NONCE           an Initial a datagram of several, two coalesced in one datagram
quic.py decoy NONCE              an Initial that dies on the way (TTL 1), then another, from one socket
quic.py versions NONCE           version 2, its draft, a reserved, an unknown version, version negotiation, gQUIC
quic.py short NONCE              short headers without an Initial, from two source ports; 0-RTT; Retry; Handshake"""
import os
import socket
import struct
import subprocess
import sys

PLACE = ("198.18.2.80", 443)


def varint(value):
    return struct.pack(">H", 0x4000 | value)


def long(kind, dcid, version=1, size=1200, token=True):
    head = bytes([0xC0 | kind << 4 | 1]) + struct.pack(">I", version) + bytes([len(dcid)]) + dcid + b"\0" + (b"\0" if token else b"")
    left = size - len(head) - 2
    return head + varint(left) + os.urandom(left)


def send(*datagrams):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(0.3)
    for ttl, data in datagrams:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        try:
            sock.sendto(data, PLACE)
        except OSError as error:  # the refusal of the one before
            print(error)
    try:
        sock.connect(PLACE)
        print(sock.recv(2000)[:20])
    except OSError as error:
        print(error)


def main():
    command, word = sys.argv[1], sys.argv[2].encode()
    try:
        socket.getaddrinfo("allowed.test", 443)
    except OSError as error:
        print(error)
    if command == "ngtcp2":
        tools = sys.argv[3]
        libraries = ":".join(f"{tools}/{d}/usr/lib/{os.uname().machine}-linux-gnu" for d in os.listdir(tools) if d.startswith("lib"))
        subprocess.run([f"{tools}/ngtcp2-client/usr/bin/gtlsclient", "-q", f"--dcid={word.hex()}", "--handshake-timeout=500ms", "--sni=" + sys.argv[2] + ".test",
                        *PLACE[:1], "443", f"https://{sys.argv[2]}.test/"], env={"LD_LIBRARY_PATH": libraries}, timeout=60, check=False)  # fmt: skip
    elif command == "initials":
        send((64, long(0, word)), (64, long(0, word)), (64, long(0, word, size=600) + long(0, word, size=600)), (64, long(0, word, size=200)))
    elif command == "decoy":
        send((1, long(0, b"harmless")), (64, long(0, word)))
    elif command == "versions":
        send(*((64, long(1, word, version)) for version in (0x6B3343CF, 0x709A50C4, 0x0A0A0A0A, 0xFACEB00C, 0, 0x51303433)), (64, b"\x0d" + word + b"Q043" + bytes(1100)))
    elif command == "short":
        send((64, b"\x43" + word + os.urandom(60)))
        send((64, b"\x43" + word + os.urandom(60)), *((64, long(kind, word, token=False)) for kind in (1, 2, 3)))


if __name__ == "__main__":
    main()
