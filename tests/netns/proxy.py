#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""For the tests of proxies and upgrades, beside a real proxy.

proxy.py serve ADDRESS PORT     a proxy that wants "user:secret", refuses in answers with a length and keeps the connection,
                                and answers CONNECT to a name that begins with "slow" after two seconds
proxy.py rooms ADDRESS PORT     a server that agrees to WebSocket on /room and echoes, and answers anything else with 200
proxy.py say ADDRESS PORT PIECE...   a client: sends each piece (with \\r \\n \\xNN), for "?" reads an answer and prints its first
                                line, for "TLS=NAME" makes a handshake that shows NAME and asks for /hello.  Status 1: refused
Bounded: 30 minutes, 16 MiB a connection."""
import asyncio
import base64
import hashlib
import signal
import socket
import ssl
import sys
from urllib.parse import urlsplit

LIMIT = 16 << 20
WANTED = "Basic " + base64.b64encode(b"user:secret").decode()


async def read_head(reader):
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").split("\r\n")
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip()
    return lines[0], fields


async def pump(reader, writer):
    total = 0
    while total < LIMIT and (data := await reader.read(65536)):
        total += len(data)
        writer.write(data)
        await writer.drain()
    writer.close()


def answer(writer, status, text, more=""):
    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n{more}\r\n{text}".encode())


async def serve(reader, writer):
    while True:
        line, fields = await read_head(reader)
        method, target, _ = line.split(" ")
        if fields.get("proxy-authorization") != WANTED:
            answer(writer, "407 Who are you", "a body that is not a head: HTTP/1.1 200 OK\r\n\r\n", 'Proxy-Authenticate: Basic realm="x"\r\n')
            continue
        if method != "CONNECT":
            where = urlsplit(target)
            host, port = where.hostname, where.port or 80
        else:
            host, _, port = target.rpartition(":")
        if host.startswith("slow"):
            await asyncio.sleep(2)
            host = host[4:].lstrip("-.")
        try:
            back = await asyncio.open_connection(host.strip("[]"), int(port))
        except OSError:
            answer(writer, "503 Cannot", "")
            continue
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            back[1].write(f"{method} {where.path or '/'} HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: close\r\n\r\n".encode())
        await asyncio.gather(pump(reader, back[1]), pump(back[0], writer))
        return


async def rooms(reader, writer):
    while True:
        line, fields = await read_head(reader)
        if line.startswith("GET /room ") and fields.get("upgrade") == "websocket":
            key = fields["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 s1.3
            accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
            writer.write(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
            await pump(reader, writer)
            return
        answer(writer, "200 OK", "no room")


async def listen(handler, address, port):
    async def guarded(reader, writer):
        try:
            await handler(reader, writer)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass
        writer.close()

    await asyncio.start_server(guarded, address, int(port))
    print("ready", flush=True)
    await asyncio.sleep(1800)


def say(address, port, *pieces):
    sock = socket.create_connection((address, int(port)), timeout=30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    got = b""
    for piece in pieces:
        if piece == "?":
            while b"\r\n\r\n" not in got:
                data = sock.recv(65536)
                if not data:
                    sys.exit("closed")
                got += data
            head, _, got = got.partition(b"\r\n\r\n")
            print(head.split(b"\r\n")[0].decode("latin1"), flush=True)
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    size = int(line[15:])
                    while len(got) < size:
                        got += sock.recv(65536)
                    got = got[size:]
        elif piece.startswith("TLS="):
            context = ssl._create_unverified_context()
            sock = context.wrap_socket(sock, server_hostname=piece[4:])
            sock.sendall(b"GET /hello HTTP/1.1\r\nHost: %s\r\n\r\n" % piece[4:].encode())
        elif piece == "ECHO":
            sock.sendall(b"echo-me")
            while b"echo-me" not in got:
                data = sock.recv(65536)
                if not data:
                    sys.exit("closed")
                got += data
            print("echoed")
        else:
            sock.sendall(piece.encode("latin1").decode("unicode_escape").encode("latin1"))
    sock.settimeout(2)  # what was refused is reset by now
    try:
        if not pieces[-1] in ("?", "ECHO") and not sock.recv(1):
            sys.exit("closed")
    except TimeoutError:
        pass


if __name__ == "__main__":
    signal.alarm(1800)
    try:
        if sys.argv[1] == "say":
            say(*sys.argv[2:])
        else:
            asyncio.run(listen({"serve": serve, "rooms": rooms}[sys.argv[1]], *sys.argv[2:4]))
    except OSError as e:
        sys.exit(str(e))
