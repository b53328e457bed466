#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that servers read differently (RFC 9112 s11.1, s11.2; the request smuggling catalogue).

ambiguous.py ADDRESS PORT HOST NONCE    sends each row of the table over a connection of its own.  What a server must never
                                        see asks for /evil-NONCE-ROW or has Host other.test; what it should see asks for /good-…"""
import socket
import sys


def rows(host, nonce):
    h = f"Host: {host}\r\n".encode()

    def evil(row):
        return f"GET /evil-{nonce}-{row} HTTP/1.1\r\nHost: other.test\r\n\r\n".encode()

    def post(row, fields, body):
        return f"POST /row-{nonce}-{row} HTTP/1.1\r\n".encode() + h + fields + b"\r\n" + body

    def chunk(data):
        return b"%x\r\n%s\r\n" % (len(data), data)

    def chunked(name, field=b"Transfer-Encoding: chunked\r\n", body=None, more=b""):
        """A length that covers all, and a coding under which the body ends before the request inside."""
        body = b"0\r\n\r\n" + evil(name) if body is None else body
        yield name, post(name, b"Content-Length: %d\r\n" % len(body) + field + more, body)

    yield from chunked("cl-te")
    yield from chunked("cl-te-tab", b"Transfer-Encoding:\tchunked\r\n")
    yield from chunked("cl-te-space", b"Transfer-Encoding : chunked\r\n")
    yield from chunked("cl-te-x", b"Transfer-Encoding: xchunked\r\n")
    yield from chunked("cl-te-quoted", b'Transfer-Encoding: "chunked"\r\n')
    yield from chunked("cl-te-twice", b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n")
    yield from chunked("cl-te-list", b"Transfer-Encoding: chunked, identity\r\n")
    yield from chunked("cl-te-fold", b"Transfer-Encoding:\r\n chunked\r\n")
    yield from chunked("cl-te-vt", b"Transfer-Encoding: \x0bchunked\r\n")
    yield from chunked("cl-te-cr", b"X: y\rTransfer-Encoding: chunked\r\n")
    yield from chunked("cl-te-lf", b"X: y\nTransfer-Encoding: chunked\r\n")
    yield from chunked("cl-te-underscore", b"Transfer_Encoding: chunked\r\n")
    inner = evil("cl-0-n")
    yield "cl-0-n", post("cl-0-n", b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(inner), inner)
    inner = evil("cl-n-0")
    yield "cl-n-0", post("cl-n-0", b"Content-Length: %d\r\nContent-Length: 0\r\n" % len(inner), inner)
    for name, length in ("cl-plus", b"+%d"), ("cl-zero", b"0%d"), ("cl-list", b"%d, 0"), ("cl-space", b"0 %d"), ("cl-empty", b"%.0d"), ("cl-hex", b"0x%x"), ("cl-minus", b"-%d"):
        inner = evil(name)
        yield name, post(name, b"Content-Length: " + (length % len(inner)) + b"\r\n", inner)
    inner = evil("cl-underscore")
    yield "cl-underscore", post("cl-underscore", b"Content_Length: %d\r\n" % len(inner), inner)
    inner = evil("get-body")
    yield "get-body", f"GET /row-{nonce} HTTP/1.1\r\n".encode() + h + b"Content-Length: %d\r\n\r\n" % len(inner) + inner
    for name, size in ("chunk-0x", b"0x%x"), ("chunk-space", b" %x"), ("chunk-minus", b"-%x"), ("chunk-overflow", b"1000000000000000%02x"), ("chunk-plus", b"+%x"):
        inner = evil(name)
        yield name, post(name, b"Transfer-Encoding: chunked\r\n", size % len(inner) + b"\r\n" + inner + b"\r\n0\r\n\r\n")
    inner = b"x\r\n0\r\n\r\n" + evil("chunk-ext-lf")
    yield "chunk-ext-lf", post("chunk-ext-lf", b"Transfer-Encoding: chunked\r\n", b"%x;a\n" % len(inner) + inner + b"\r\n0\r\n\r\n")
    yield "chunk-lf", post("chunk-lf", b"Transfer-Encoding: chunked\r\n", b"1\nx\n0\n\n" + evil("chunk-lf"))
    yield "trailer-host", post("trailer-host", b"Transfer-Encoding: chunked\r\n", b"0\r\nHost: other.test\r\n\r\n")
    first = f"GET /evil-{nonce}-".encode()
    yield "host-twice", first + b"host-twice HTTP/1.1\r\nHost: other.test\r\n" + h + b"\r\n"
    yield "host-twice-2", first + b"host-twice-2 HTTP/1.1\r\n" + h + b"Host: other.test\r\n\r\n"
    yield "host-space", first + b"host-space HTTP/1.1\r\nHost : other.test\r\n" + h + b"\r\n"
    yield "host-fold", first + b"host-fold HTTP/1.1\r\n" + h[:-2] + b"\r\n .other.test\r\n\r\n"
    yield "host-tab", first + b"host-tab HTTP/1.1\r\nX: y\r\n\tHost: other.test\r\n" + h + b"\r\n"
    yield "host-lf", first + b"host-lf HTTP/1.1\r\nX: y\nHost: other.test\n" + h + b"\r\n"
    yield "host-uri", first.replace(b" /", b" http://other.test/") + b"host-uri HTTP/1.1\r\n" + h + b"\r\n"
    yield "host-none", first + b"host-none HTTP/1.0\r\n\r\n"
    yield "lf", (f"GET /row-{nonce} HTTP/1.1\nHost: {host}\n\n").encode() + evil("lf")
    yield "http09", b"GET /evil-%s-http09\r\n" % nonce.encode()
    # What passes, and must be read alike: bodies that look like requests, each followed by a plain request.
    inner = evil("inside")
    end = f"GET /good-{nonce}-end HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    good = f"POST /good-{nonce}-".encode()
    yield "good-length", good + b"length HTTP/1.1\r\n" + h + b"Content-Length: %d\r\n\r\n" % len(inner) + inner + end
    yield "good-chunks", good + b"chunks HTTP/1.1\r\n" + h + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(inner) + chunk(inner) + b"0\r\n\r\n" + end
    yield "good-trailer", good + b"trailer HTTP/1.1\r\n" + h + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(inner) + b"0\r\nX-Sum: 1\r\n\r\n" + end
    yield "good-extension", good + b"extension HTTP/1.1\r\n" + h + b"Transfer-Encoding: chunked\r\n\r\n%x;a=b\r\n%s\r\n0\r\n\r\n" % (len(inner), inner) + end
    yield "good-zeros", good + b"zeros HTTP/1.1\r\n" + h + b"Transfer-Encoding: chunked\r\n\r\n00%X\r\n%s\r\n000\r\n\r\n" % (len(inner), inner) + end
    yield "good-uri", (good + b"uri HTTP/1.1\r\n").replace(b" /", b" http://" + host.encode() + b"/") + h + b"Content-Length: %d\r\n\r\n" % len(inner) + inner + end


def send(address, port, data, answers):
    """What passes gets so many answers: with the connection gone before them a server need not read on.  To the rest there may be none."""
    got = b""
    try:
        sock = socket.create_connection((address, port), timeout=20)
        sock.sendall(data)
        sock.settimeout(20 if answers else 0.1)
        while not answers or got.count(b"HTTP/1.1 ") < answers:
            more = sock.recv(65536)
            if not more:
                break
            got += more
    except OSError:
        pass


if __name__ == "__main__":
    address, port, host, nonce = sys.argv[1:5]
    for row, data in rows(host, nonce):
        send(address, int(port), data, 2 if row.startswith("good-") else 0)
