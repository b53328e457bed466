#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an application at the attacker's end really received, after the kernel's reassembly: one line each on standard output.

sink.py s|a CERT KEY     s: also the allowed web (TLS 443, HTTP 80); a: also DNS for every name

    tcp PORT BYTES       a stream's bytes as they came, each line with the last 200 bytes before (so a word split in two is seen)
    tls PORT NAME        the server name as OpenSSL reads it (its own callback)
    app PORT BYTES       what a TLS connection carried
    http PORT METHOD TARGET HOST     a request as a lenient server reads it: bare LF, folds, odd spaces, either case
    udp PORT BYTES, icmp BYTES, sctp PORT BYTES

Bytes beyond printable ASCII are \\xNN.  Bounded: 30 minutes, 1 MiB a connection.  Prints "ready" when everything listens."""
import asyncio
import os
import re
import signal
import socket
import ssl
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import far  # noqa: E402

LIMIT = 1 << 20
PLAIN = {22, 25, 4444, 8080, 9418, 9999}
WEB = {80}
TLS = {443, 853, 8443}
UDP = {"s": (123, 3478, 9999, 51820), "a": (123, 137, 443, 853, 1900, 3478, 5353, 5355, 9999, 51820)}


def say(*words):
    line = " ".join(w if isinstance(w, str) else re.sub(rb"[^ -\[\]-~]", lambda m: b"\\x%02x" % m[0][0], w).decode() for w in words)
    print(line, flush=True)


class Tail:
    """Prints what comes, with a little of what came before."""

    def __init__(self, kind, port):
        self.kind, self.port, self.tail = kind, str(port), b""

    def add(self, data):
        for at in range(0, len(data), 4096):
            self.tail = (self.tail + data[at : at + 4096])[-4296:]
            say(self.kind, self.port, self.tail)
        self.tail = self.tail[-200:]


class Http:
    """Requests as the most lenient of servers reads them.  add(bytes) returns the responses."""

    def __init__(self, port):
        self.port, self.data = str(port), b""

    def add(self, data):
        reply = b""
        self.data += data
        while True:
            self.data = self.data.lstrip(b"\r\n")
            end = re.search(rb"\n\r?\n", self.data)
            if not end:
                return reply
            head, self.data = self.data[: end.start()], self.data[end.end() :]
            head = re.sub(rb"\r?\n[ \t]+", b" ", head)
            lines = re.split(rb"\r?\n", head)
            method, _, target = lines[0].strip().partition(b" ")
            fields = [(n.strip().lower(), v.strip()) for n, _, v in (line.partition(b":") for line in lines[1:])]
            hosts = [v for n, v in fields if n == b"host"] or [b"-"]
            say("http", self.port, method, target.strip(), b",".join(hosts))
            length = [v for n, v in fields if n == b"content-length" and v.isdigit()]
            if length and not any(n == b"transfer-encoding" for n, _ in fields):
                self.data = self.data[int(length[0]) :]
            body = b"hello from " + hosts[0] + b"\n"
            reply += b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def plain(reader, writer, port):
    tail = Tail("tcp", port)
    http = Http(port) if port in WEB else None
    if port in (22, 25):
        writer.write(b"SSH-2.0-sink\r\n" if port == 22 else b"220 sink\r\n")
    total = 0
    while total < LIMIT and (data := await reader.read(65536)):
        total += len(data)
        tail.add(data)
        writer.write(http.add(data) if http else b"ok\n")
        await writer.drain()


async def tls(reader, writer, port, context):
    """OpenSSL over memory, so that the bytes are seen too."""
    tail, inner, http = Tail("tcp", port), Tail("app", port), Http(port)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    conn = context.wrap_bio(incoming, outgoing, server_side=True)
    conn.sink_port = port
    total, done, broken = 0, False, False
    while total < LIMIT and (data := await reader.read(65536)):
        total += len(data)
        tail.add(data)
        if broken:
            continue
        incoming.write(data)
        try:
            if not done:
                conn.do_handshake()
                done = True
            while plain_data := conn.read(65536):
                inner.add(plain_data)
                reply = http.add(plain_data)
                if reply:
                    conn.write(reply)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            broken = True  # its alert goes out; what else comes is still told
        writer.write(outgoing.read())
        await writer.drain()


def shown(conn, name, _context):
    say("tls", str(getattr(conn, "sink_port", 0)), (name or "-").encode())


async def listen(port, serve, *more):
    async def guarded(reader, writer):
        try:
            await serve(reader, writer, port, *more)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            writer.close()

    for address in "0.0.0.0", "::":
        await asyncio.start_server(guarded, address, port, reuse_address=True)


def raw_reader(sock, word):
    sock.setblocking(False)
    asyncio.get_running_loop().add_reader(sock, lambda: say(*word, sock.recv(65535)))


async def datagrams(where):
    for port in UDP[where]:
        def answer(data, port=port):
            say("udp", str(port), data)
            return b"ok " + data[:64] if port not in (5353, 5355, 137, 1900) else None

        for address in "0.0.0.0", "::":
            await far.udp(address, port, answer)
    for family, protocol in (socket.AF_INET, 1), (socket.AF_INET6, 58):
        raw_reader(socket.socket(family, socket.SOCK_RAW, protocol), ("icmp",))
    lite = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 136)
    lite.bind(("", 9999))
    raw_reader(lite, ("udplite", "9999"))
    try:
        sctp = socket.socket(socket.AF_INET, socket.SOCK_SEQPACKET, 132)
        sctp.bind(("", 9999))
        sctp.listen(5)
        raw_reader(sctp, ("sctp", "9999"))
    except OSError:
        pass  # this kernel has no SCTP


def dns(message):
    say("udp", "53", message)
    return far.dns_answer(message, "198.18.3.66", "2001:db8:3::66")


async def dns_stream(reader, writer, port):
    tail = Tail("tcp", port)
    while True:
        length = await reader.readexactly(2)
        message = await reader.readexactly(struct.unpack(">H", length)[0])
        tail.add(length + message)
        reply = far.dns_answer(message, "198.18.3.66", "2001:db8:3::66")
        if reply:
            writer.write(struct.pack(">H", len(reply)) + reply)
            await writer.drain()


async def main():
    signal.alarm(1800)
    where, cert, key = sys.argv[1:4]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["http/1.1"])
    context.sni_callback = shown
    for port in PLAIN | WEB:
        await listen(port, plain)
    for port in TLS:
        await listen(port, tls, context)
    await datagrams(where)
    if where == "a":
        await listen(53, dns_stream)
        for address in "0.0.0.0", "::":
            await far.udp(address, 53, dns)
    say("ready")
    await asyncio.sleep(1800)


if __name__ == "__main__":
    asyncio.run(main())
