#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that are half done when the policy changes (test_phase.sh).

halves.py serve GO               at mirror.test: a proxy on 3129, which answers CONNECT to "held…" when the file GO is there; UDP 443
halves.py client WORD GO HOW     begins all of CASES, prints "ready", waits for the file GO, and finishes them.  HOW: what they are
                                 to be by then: "cut" (each TCP connection ends by itself first) or "any".
Of case X, WORD-X-1 is in what is sent before, WORD-X-2 in what is sent after.  Prints a line a case.  Bounded: 5 minutes."""
import asyncio
import os
import select
import signal
import socket
import ssl
import struct
import sys
import time

WEB, MIRROR = "198.18.2.80", "198.18.2.81"
SILENT = "198.18.2.54"  # a resolver that does not answer
CLEAR = ssl._create_unverified_context()


async def proxied(reader, writer, go):
    line = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0].split(b" ")
    while b"//held" in b"//" + line[1] and not os.path.exists(go):
        await asyncio.sleep(0.02)
    back = await asyncio.open_connection(*((WEB, 443) if line[1].endswith(b":443") else (MIRROR, 2525)))
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    async def pump(source, sink):
        while data := await source.read(65536):
            sink.write(data)
        sink.close()

    await asyncio.gather(pump(reader, back[1]), pump(back[0], writer))


async def serve(go):
    async def guarded(reader, writer):
        try:
            await proxied(reader, writer, go)
        except (OSError, asyncio.IncompleteReadError, IndexError):
            pass
        writer.close()

    await asyncio.start_server(guarded, MIRROR, 3129)
    hole = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    hole.bind((MIRROR, 443))
    print("ready", flush=True)
    await asyncio.sleep(1800)


def connect(address, port):
    sock = socket.create_connection((address, port), 30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def u8(data):
    return bytes([len(data)]) + data


def u16(data):
    return struct.pack(">H", len(data)) + data


def hello(name, first, second):
    """A ClientHello with `first` in its session id and `second` in its last extension, cut between them."""
    def ext(kind, body):
        return struct.pack(">H", kind) + u16(body)

    extensions = ext(0, u16(b"\0" + u16(name))) + ext(10, u16(b"\0\x1d")) + ext(13, u16(b"\4\3\x08\4")) + ext(43, u8(b"\3\4"))
    extensions += ext(45, u8(b"\1")) + ext(51, u16(b"\0\x1d" + u16(os.urandom(32)))) + ext(16, u16(u8(second)))
    body = b"\3\3" + os.urandom(32) + u8(first.ljust(32, b"x")[:32]) + u16(b"\x13\1\x13\2") + b"\1\0" + u16(extensions)
    record = b"\x16\3\1" + u16(b"\1" + struct.pack(">I", len(body))[1:] + body)
    return record[:76], record[76:]


def tunnel(target, more=b""):
    sock = connect(MIRROR, 3129)
    sock.sendall(b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (target, target) + more)
    return sock


def agreed(sock):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)
    return sock


# Each begins with its first and returns what it has, and what is still to be sent.


def half_hello(first, second):
    sock, (start, rest) = connect(WEB, 443), hello(b"cdn.test", first, second)
    sock.sendall(start)
    return sock, rest


def opened(first, second):
    """Nothing shown yet."""
    return connect(WEB, 443), b"".join(hello(b"cdn.test", second, second))


def shown(first, second):
    """Approved: the gate reads its bytes no more."""
    sock = CLEAR.wrap_socket(connect(WEB, 443), server_hostname="cdn.test")
    os.write(sock.fileno(), first)
    return sock, second


def plain(first, second):
    sock = connect(MIRROR, 2525)
    sock.recv(100)
    sock.sendall(first + b"\n")
    return sock, second + b"\n"


def half_request(first, second):
    sock = connect(WEB, 80)
    sock.sendall(b"GET /" + first + b" HTTP/1.1\r\nHo")
    return sock, b"st: allowed.test\r\nX: " + second + b"\r\n\r\n"


def next_request(first, second):
    sock = connect(WEB, 80)
    sock.sendall(b"GET /" + first + b" HTTP/1.1\r\nHost: allowed.test\r\n\r\n")
    sock.recv(10000)
    return sock, b"GET /" + second + b" HTTP/1.1\r\nHost: allowed.test\r\n\r\n"


def proxy_opened(first, second):
    """Connected to a proxy, nothing asked yet."""
    return connect(MIRROR, 3129), b"CONNECT cdn.test:443 HTTP/1.1\r\nHost: cdn.test:443\r\nX: " + second + b"\r\n\r\n"


def asked(first, second):
    """The proxy has not answered; the tunnel's first bytes are sent already."""
    begin, rest = hello(b"held-cdn.test", first, second)
    return tunnel(b"held-cdn.test:443", begin), rest


def asked_eager(first, second):
    """The same, and all of it waits for the answer."""
    return tunnel(b"held-cdn.test:443", b"".join(hello(b"held-cdn.test", second, second))), b""


def between(first, second):
    """The proxy has agreed, the tunnel has shown nothing."""
    return agreed(tunnel(b"cdn.test:443")), b"".join(hello(b"cdn.test", second, second))


def tunnelled(first, second):
    sock = CLEAR.wrap_socket(agreed(tunnel(b"cdn.test:443")), server_hostname="cdn.test")
    os.write(sock.fileno(), first)
    return sock, second


def tunnelled_bytes(first, second):
    sock = agreed(tunnel(b"tcp.test:2525"))
    sock.sendall(first + b"\n")
    return sock, second + b"\n"


def question(word, number):
    name = b"".join(map(u8, (word, b"wild", b"test", b"")))
    return u16(struct.pack(">6H", number, 0x100, 1, 0, 0, 0) + name + b"\0\1\0\1")


def questions(first, second):
    """One is asked and waits for its answer, another has half come."""
    sock, other = connect(SILENT, 53), question(second, 2)
    sock.sendall(question(first, 1) + other[:14])
    return sock, other[14:]


CASES = {f.__name__.replace("_", "-"): f for f in (
    half_hello, opened, shown, plain, half_request, next_request, proxy_opened, asked, asked_eager, between, tunnelled, tunnelled_bytes,
    questions)}  # fmt: skip


def ends(sock, seconds=60):
    """Does it end by itself?  The other side may say something before."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not select.select([sock.fileno()], [], [], 0.1)[0]:
            continue
        try:
            if not os.read(sock.fileno(), 65536):
                return "ended"
        except OSError:
            return "ended"
    return "open"


def answers(sock):
    """The answers to the two questions, by their codes; fewer if it ends before."""
    codes, got = [], b""
    try:
        while len(codes) < 2:
            if not (more := sock.recv(4096)):
                raise OSError
            got += more
            while len(got) > 2 and len(got) >= 2 + (size := struct.unpack(">H", got[:2])[0]):
                codes.append(str(got[5] & 15))
                got = got[2 + size :]
    except OSError:
        codes.append("ended")
    return " ".join(codes)


def client(word, go, how):
    for name in "allowed.test", "cdn.test", "mirror.test", "tcp.test":
        socket.getaddrinfo(name, 443, socket.AF_INET)
    begun = {}
    for name, begin in CASES.items():
        begun[name] = begin(*(f"{word}-{name}-{i}".encode() for i in (1, 2)))
    print("ready", flush=True)
    while not os.path.exists(go):
        time.sleep(0.01)
    for name, (sock, rest) in begun.items():
        state = ends(sock) if how == "cut" and name != "questions" else "any"
        try:
            os.write(sock.fileno(), rest)
        except OSError as error:
            state += f", {error.strerror}"
        print(name, state, flush=True)
    print("sent", flush=True)
    print("answers", answers(begun["questions"][0]), flush=True)
    time.sleep(300)


if __name__ == "__main__":
    signal.alarm(1800 if sys.argv[1] == "serve" else 300)
    if sys.argv[1] == "serve":
        asyncio.run(serve(sys.argv[2]))
    else:
        client(*sys.argv[2:])
