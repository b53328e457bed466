#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client's side of the tests: what curl, dig and openssl cannot be told to do.  Each command prints what happened, one
line a result; an error of the network is printed by its name (ECONNREFUSED), with the milliseconds it took.
Exit status 0: an answer came; 1: refused or nothing."""
import errno
import hashlib
import os
import socket
import ssl
import struct
import sys
import time

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "PTR": 12, "TXT": 16, "AAAA": 28, "HTTPS": 65, "ANY": 255}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


def open_socket(kind, address, port, timeout=10.0):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    sock.settimeout(timeout)
    if kind == socket.SOCK_STREAM:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.connect((address, int(port)))
    return sock


def read_exactly(sock, size):
    data = b""
    while len(data) < size:
        chunk = sock.recv(size - len(data))
        if not chunk:
            raise ConnectionError(errno.EPIPE, "closed")
        data += chunk
    return data


# ---- DNS ----


def query(text, ident):
    """"name" or "name/TYPE" as a query in wire form."""
    name, _, kind = text.partition("/")
    labels = b"".join(bytes([len(label)]) + label for label in name.encode().split(b".") if label)
    return struct.pack(">HHHHHH", ident, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", TYPES[kind or "A"], 1)


def show(message):
    ident, flags, _, answers = struct.unpack(">HHHH", message[:8])
    return f"{ident} {RCODES.get(flags & 15, flags & 15)} answers={answers} truncated={flags >> 9 & 1}"


def dns_tcp(server, how, *names):
    """how: whole (a send each), pipelined (one send for all), bytes (a segment for each byte), halves (odd cuts)."""
    wire = [struct.pack(">H", len(q)) + q for q in (query(name, 100 + i) for i, name in enumerate(names))]
    sock = open_socket(socket.SOCK_STREAM, server, 53)
    joined = b"".join(wire)
    size = {"whole": 0, "pipelined": len(joined), "bytes": 1, "halves": 7}[how]
    for piece in wire if how == "whole" else [joined[i : i + size] for i in range(0, len(joined), size)]:
        sock.sendall(piece)
        if how in ("bytes", "halves"):
            time.sleep(0.003)
    for line in sorted(show(read_exactly(sock, struct.unpack(">H", read_exactly(sock, 2))[0])) for _ in names):
        print(line)


def dns_tcp_raw(server, hexa):
    """Sends these bytes, prints what comes until the other side closes."""
    sock = open_socket(socket.SOCK_STREAM, server, 53)
    sock.sendall(bytes.fromhex(hexa))
    data = sock.recv(4096)
    print(data.hex() if data else "closed")
    sys.exit(0 if data else 1)


def dns_udp(server, *names):
    """All queries at once from one socket; prints the answers as they come, each id once."""
    sock = open_socket(socket.SOCK_DGRAM, server, 53)
    for i, name in enumerate(names):
        sock.send(query(name, 200 + i))
    seen = {}
    while len(seen) < len(names):
        message = sock.recv(4096)
        seen[message[:2]] = show(message)
    for line in sorted(seen.values()):
        print(line)


def dns_again(server, name, times):
    """The same message, byte for byte, several times from one socket, a little apart."""
    sock = open_socket(socket.SOCK_DGRAM, server, 53)
    for _ in range(int(times)):
        sock.send(query(name, 321))
        time.sleep(0.01)
    print(show(sock.recv(4096)))


# ---- datagrams and connections ----


def datagram(address, port, text, size=0):
    sock = open_socket(socket.SOCK_DGRAM, address, port)
    sock.send(text.encode().ljust(int(size), b"x"))
    print(sock.recv(65535)[:60])


def quic(address):
    """What a QUIC v1 client sends first looks like this: a long header of type Initial, padded to 1200 bytes."""
    sock = open_socket(socket.SOCK_DGRAM, address, 443, 3.0)
    sock.send((b"\xc3\x00\x00\x00\x01\x08" + os.urandom(8) + b"\x00\x00\x44\x9e" + os.urandom(1182)))
    print(sock.recv(65535)[:60])


def unconnected(address, port, text):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(1.0)
    sock.sendto(text.encode(), (address, int(port)))
    print(sock.recv(65535)[:60])


def connect(address, port, text=""):
    sock = open_socket(socket.SOCK_STREAM, address, port)
    sock.sendall(text.encode() + b"\r\n")
    print(sock.recv(4096)[:60])


def first(address, port):
    """The server speaks first; then a line goes there and back."""
    sock = open_socket(socket.SOCK_STREAM, address, port)
    greeting = sock.recv(4096)
    sock.sendall(b"hello\r\n")
    print(greeting[:40], sock.recv(4096)[:40])


def upload(address, port, size, rate):
    """Sends `size` bytes at `rate` bytes a second; the server answers with their hash."""
    sock, digest, sent, start = open_socket(socket.SOCK_STREAM, address, port, 30.0), hashlib.sha256(), 0, time.monotonic()
    while sent < int(size):
        block = os.urandom(16384)
        digest.update(block)
        sock.sendall(block)
        sent += len(block)
        time.sleep(max(0.0, sent / int(rate) - (time.monotonic() - start)))
    sock.shutdown(socket.SHUT_WR)
    got = read_exactly(sock, 64).decode()
    print("equal" if got == digest.hexdigest() else "DIFFERENT", sent, f"{time.monotonic() - start:.1f} s")
    sys.exit(got != digest.hexdigest())


def download(address, port, size, rate):
    sock, at, start = open_socket(socket.SOCK_STREAM, address, port, 30.0), 0, time.monotonic()
    sock.sendall(f"{size} {rate}\n".encode())
    while at < int(size):
        want = b"".join(hashlib.sha256(b"%d" % (at // 32 + i)).digest() for i in range(512))[: int(size) - at]
        try:
            got = read_exactly(sock, len(want))
        except OSError:
            print("ended at", time.time_ns() // 1000000)
            raise
        if got != want:
            print("DIFFERENT at", at)
            sys.exit(1)
        at += len(want)
    print("equal", at, f"{time.monotonic() - start:.1f} s")


# ---- HTTP and TLS ----


def http(address, *requests):
    """One kept-alive connection, a request each: HOST or HOST/PATH; prints the status codes.  "+" before a request: sent in
    one segment with the one before it (pipelined)."""
    sock, text, sizes = open_socket(socket.SOCK_STREAM, address, 80), [], []
    for request in requests:
        host, _, path = request.lstrip("+").partition("/")
        wire = f"GET /{path or 'hello'} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        if request.startswith("+"):
            text[-1] += wire
            sizes[-1] += 1
        else:
            text.append(wire)
            sizes.append(1)
    for wire, count in zip(text, sizes):
        sock.sendall(wire)
        for _ in range(count):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += read_exactly(sock, 1)
            length = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
            read_exactly(sock, length[0] if length else 0)
            print(head.split()[1].decode(), flush=True)


def tls(address, name, piece=0, record=0, padding=0):
    """A handshake whose ClientHello is sent in segments of `piece` bytes, in records of `record` bytes, with `padding` bytes of
    ALPN names; then one request."""
    piece, record, padding = int(piece), int(record), int(padding)
    context = ssl.create_default_context(cafile=os.environ.get("CA"))
    if not os.environ.get("CA"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"] + ["x" * 200 + str(i) for i in range(padding // 203)])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    conn = context.wrap_bio(incoming, outgoing, server_hostname=name)
    sock, hello = open_socket(socket.SOCK_STREAM, address, 443), True

    def flush():
        nonlocal hello
        data = outgoing.read()
        if hello and data and record:
            body = data[5:]
            data = b"".join(data[:3] + struct.pack(">H", len(part)) + part for part in (body[i : i + record] for i in range(0, len(body), record)))
        if hello and data and piece:
            for i in range(0, len(data), piece):
                sock.sendall(data[i : i + piece])
                time.sleep(0.001)
        elif data:
            sock.sendall(data)
        hello = False

    def step(action):
        while True:
            try:
                result = action()
                flush()
                return result
            except ssl.SSLWantReadError:
                flush()
                data = sock.recv(65536)
                if not data:
                    raise ConnectionError(errno.EPIPE, "closed") from None
                incoming.write(data)

    step(conn.do_handshake)
    step(lambda: conn.write(f"GET /hello HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()))
    print(step(lambda: conn.read(4096)).split(b"\r\n")[0].decode())


COMMANDS = {f.__name__.replace("_", "-"): f for f in (
    dns_tcp, dns_tcp_raw, dns_udp, dns_again, datagram, quic, unconnected, connect, first, upload, download, http, tls)}


def main():
    start = time.monotonic()
    try:
        COMMANDS[sys.argv[1]](*sys.argv[2:])
    except OSError as error:
        name = "TIMEOUT" if isinstance(error, TimeoutError) else errno.errorcode.get(error.errno or 0, str(error))
        print(f"{name} {(time.monotonic() - start) * 1000:.0f} ms")
        sys.exit(1)


if __name__ == "__main__":
    main()
