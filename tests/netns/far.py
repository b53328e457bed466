#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The far side of the tests' small internet: servers that nginx and dnsmasq are not.

far.py inside            beside nginx and dnsmasq: hashes, streams, banners, echoes; a silent, a slow and an odd resolver
far.py attacker CERT KEY the attacker: DNS (any name is his), web, TLS, a UDP port; answers whatever comes

Bounded: 30 minutes (BED_SECONDS), 64 MiB a connection, one connection a task.  Prints "ready" when everything listens."""
import asyncio
import hashlib
import os
import signal
import socket
import ssl
import struct
import sys

LIMIT = 64 << 20
SECONDS = int(os.environ.get("BED_SECONDS", "1800"))


def dns_question(message):
    """(name, type, end of the question) of a query; None if it is none."""
    if len(message) < 17 or message[2] & 0x80 or message[4:6] != b"\0\1":
        return None
    at, labels = 12, []
    while at < len(message) and message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]])
        at += 1 + message[at]
    if at + 5 > len(message):
        return None
    return b".".join(labels), struct.unpack(">H", message[at + 1 : at + 3])[0], at + 5


def dns_answer(message, four, six, ttl=60):
    question = dns_question(message)
    if not question:
        return None
    _, qtype, end = question
    data = {1: socket.inet_pton(socket.AF_INET, four), 28: socket.inet_pton(socket.AF_INET6, six), 16: b"\x04word"}.get(qtype)
    record = b"\xc0\x0c" + struct.pack(">HHIH", qtype, 1, ttl, len(data)) + data if data else b""
    return message[:2] + b"\x84\x00" + struct.pack(">HHHH", 1, 1 if data else 0, 0, 0) + message[12:end] + record


ODD = {  # the addresses that names of the zone odd.test have: what no honest zone says
    "wire": "168.63.129.16", "shared": "100.64.3.66", "nat64": "64:ff9b::a9fe:a9fe", "6to4": "2002:a9fe:a9fe::1",
    "mapped": "::ffff:169.254.169.254", "extra": "198.18.2.80", "cross": "198.18.3.67"}  # fmt: skip


def odd_answer(message):
    """The attacker's zone: special addresses, records for others' names, an alias of an allowed name."""
    name, qtype, end = dns_question(message) or (b"", 0, 0)
    first = name.split(b".")[0].lower().decode("ascii", "replace")
    address, allowed, records = ODD.get(first, ""), b"\7allowed\4test\0", []
    if address and qtype == (28 if ":" in address else 1):
        data = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
        if first == "cross":
            records.append(b"\xc0\x0c" + struct.pack(">HHIH", 5, 1, 60, len(allowed)) + allowed)
        owner = allowed if first == "cross" else b"\xc0\x0c"
        records.append(owner + struct.pack(">HHIH", qtype, 1, 60, len(data)) + data)
    extra = [allowed + struct.pack(">HHIH", 1, 1, 3600, 4) + socket.inet_aton("198.18.3.66")] if first == "extra" and records else []
    counts = struct.pack(">HHHH", 1, len(records) + len(extra), len(extra), len(extra))
    return message[:2] + b"\x84\x00" + counts + message[12:end] + b"".join(records + extra * 3) if end else None


class Datagram(asyncio.DatagramProtocol):
    """answer(message) gives the reply or None; after `delay` seconds."""

    def __init__(self, answer, delay=0.0):
        self.answer, self.delay = answer, delay

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        reply = self.answer(data)
        if reply is not None:
            asyncio.get_running_loop().call_later(self.delay, self.transport.sendto, reply, addr)


async def udp(address, port, answer, delay=0.0):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    if ":" in address:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.setblocking(False)
    sock.bind((address, port))
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: Datagram(answer, delay), sock=sock)


async def tcp(address, port, serve, context=None):
    async def guarded(reader, writer):
        try:
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            writer.close()

    await asyncio.start_server(guarded, address, port, ssl=context, reuse_address=True)


async def hash_all(reader, writer):
    """Reads to the end, answers with the SHA-256 of what came."""
    digest, total = hashlib.sha256(), 0
    while total < LIMIT:
        chunk = await reader.read(1 << 16)
        if not chunk:
            break
        digest.update(chunk)
        total += len(chunk)
    writer.write(digest.hexdigest().encode() + b"\n")
    await writer.drain()


async def stream(reader, writer):
    """A line "bytes rate\\n" asks for that many bytes at that rate; they are SHA-256 in counter mode, so the client knows them."""
    size, rate = (int(word) for word in (await reader.readline()).split())
    block, sent = b"", 0
    loop, start = asyncio.get_running_loop(), asyncio.get_running_loop().time()
    while sent < min(size, LIMIT):
        block = b"".join(hashlib.sha256(b"%d" % (sent // 32 + i)).digest() for i in range(512))[: size - sent]
        writer.write(block)
        await writer.drain()
        sent += len(block)
        await asyncio.sleep(max(0.0, sent / rate - (loop.time() - start)))


async def banner(reader, writer):
    """The server speaks first; then it gives every line back."""
    writer.write(b"220 this server speaks first\r\n")
    await writer.drain()
    while line := await reader.readline():
        writer.write(b"250 " + line)
        await writer.drain()


async def never(reader, writer):
    await asyncio.sleep(SECONDS)


async def dns_stream(reader, writer):
    while True:
        size = struct.unpack(">H", await reader.readexactly(2))[0]
        reply = dns_answer(await reader.readexactly(size), "198.18.3.66", "2001:db8:3::66")
        if reply:
            writer.write(struct.pack(">H", len(reply)) + reply)
            await writer.drain()


async def web(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    body = b"the attacker thanks you\n"
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


async def inside():
    await udp("198.18.2.54", 53, lambda message: None)
    await udp("2001:db8:2::54", 53, lambda message: None)
    await udp("198.18.2.55", 53, lambda message: dns_answer(message, "198.18.2.80", "2001:db8:2::80"), delay=1.5)
    await udp("198.18.2.56", 53, odd_answer)
    for address in "198.18.2.81", "2001:db8:2::81":
        await tcp(address, 9000, hash_all)
        await tcp(address, 9001, stream)
        await tcp(address, 2525, banner)
        await udp(address, 9123, lambda message: message)
    await tcp("198.18.2.54", 53, never)
    for address in "198.18.2.80", "2001:db8:2::80":
        await udp(address, 443, lambda message: None)


async def attacker(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    for address in "0.0.0.0", "::":
        await udp(address, 53, lambda message: dns_answer(message, "198.18.3.66", "2001:db8:3::66"))
        await udp(address, 443, lambda message: b"quic, but not really")
        await udp(address, 9999, lambda message: message)
        await tcp(address, 53, dns_stream)
        await tcp(address, 80, web)
        await tcp(address, 443, web, context)
        await tcp(address, 2525, banner)


async def main():
    signal.alarm(SECONDS)
    await (inside() if sys.argv[1] == "inside" else attacker(*sys.argv[2:4]))
    print("ready", flush=True)
    await asyncio.sleep(SECONDS)


if __name__ == "__main__":
    os.umask(0o077)
    asyncio.run(main())
