#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP requests that servers read differently, to 198.18.2.80:80 (of allowed.test): webwire.py FORM NONCE [PORT]
Each request of a form on a connection of its own; NONCE is the path or the host that must not arrive."""
import socket
import sys

ALLOWED = b"allowed.test"


def get(target, *fields, version=b"HTTP/1.1"):
    return b"GET " + target + b" " + version + b"\r\n" + b"".join(f + b"\r\n" for f in fields) + b"\r\n"


def forms(nonce):
    word = nonce.encode()
    other, path, ok = word + b".test", b"/" + word, b"Host: " + ALLOWED
    evil = b"Host: " + other
    hidden = get(b"/", evil)
    post = lambda *fields: b"POST / HTTP/1.1\r\n" + ok + b"\r\n" + b"".join(f + b"\r\n" for f in fields) + b"\r\n"  # noqa: E731
    chunked = b"Transfer-Encoding: chunked"
    length = b"Content-Length: %d" % len(hidden)
    return {
        "other": [get(b"/", evil)],
        "none": [get(path), get(path, version=b"HTTP/1.0"), b"GET " + path + b"\r\n"],
        "two": [get(b"/", ok, evil), get(b"/", evil, ok), get(path, ok, ok)],
        "list": [get(b"/", ok + b", " + other), get(b"/", ok + b" " + other), get(b"/", b"Host: " + other + b"," + ALLOWED)],
        "userinfo": [get(b"/", b"Host: " + ALLOWED + b"@" + other), get(b"http://" + ALLOWED + b"@" + other + b"/", ok), get(b"/", b"Host: " + other + b"#@" + ALLOWED)],
        "absolute": [get(b"http://" + other + b"/", ok), get(b"http://" + ALLOWED + path, evil), get(b"//" + other + b"/", evil)],
        "names": [get(path, b"Host: " + ALLOWED + end) for end in (b"\0." + other, b"\\", b"/" + other, b":80:" + word, b"%2e" + word, b"\xff", b"?" + word, b":99999", b".:80x")]
        + [get(path, b"Host: 198.18.2.80"), get(path, b"Host: [2001:db8:2::80]"), get(path, b"Host:")],
        "fold": [get(b"/", ok, b" " + b"x", evil), get(b"/", b"X: y", b"\t" + evil, ok), get(b"/", b"Host:", b" " + other, ok)],
        "colon": [get(b"/", b"Host : " + other, ok), get(b"/", b"Host\t: " + other, ok), get(b"/", b" Host: " + other, ok), get(b"/", b"Host\0: " + other, ok)],
        "bare-lf": [get(b"/", evil).replace(b"\r\n", b"\n"), get(b"/", ok + b"\n" + evil), get(b"/", ok + b"\r" + evil), get(b"/", b"X: y\n" + evil, ok), get(b"/", ok + b"\n\n" + hidden)],
        "lines": [b"\r\n" + get(b"/", evil), get(b"/", evil).replace(b"GET ", b"GET  "), get(b"/", evil).replace(b"GET ", b"GET\t"), b" " + get(b"/", evil),
                  get(path + b" x", ok), get(path, ok, version=b"HTTP/1.1 "), get(path, ok, version=b"HTTP/9.9"), get(path, ok, version=b"http/1.1")],
        "case": [get(b"/", b"hOST:\t" + other + b"\t"), get(b"/", b"HOST:" + other)],
        "pad": [get(b"/", b"X: " + b"p" * 1500, evil), get(b"/" + b"p" * 5000, evil)],
        "second": [get(b"/", ok), get(b"/", evil)],
        "pipelined": [get(b"/hello", ok) + hidden],
        "lengths": [post(length, chunked) + b"0\r\n\r\n" + hidden, post(length, b"Content-Length: 0") + hidden, post(b"Content-Length: 0, %d" % len(hidden)) + hidden,
                    post(b"Content-Length: +%d" % len(hidden)) + hidden, post(b"Content-Length: 0x10") + hidden, post(b"Content-Length: -1") + hidden,
                    post(b"Content-Length: 99999999999999999999") + hidden, post(b"Content-Length : %d" % len(hidden)) + hidden],
        "encodings": [post(b"Transfer-Encoding: xchunked") + hidden, post(chunked, b"Transfer-Encoding: identity") + hidden, post(b"Transfer-Encoding: chunked, identity", length) + hidden,
                      post(b"Transfer-Encoding:\x0bchunked", length) + hidden, post(b"Transfer-Encoding: \"chunked\"", length) + hidden],
        "chunks": [post(chunked) + b"0\r\n\r\n" + hidden, post(chunked) + b"1\r\nx\r\n0\r\n\r\n" + hidden, post(chunked) + b"0;x=y\n\r\n" + hidden,
                   post(chunked) + b"0x1\r\nx\r\n" + hidden, post(chunked) + b"-1\r\n\r\n" + hidden, post(chunked) + b"1\nx\n0\n\n" + hidden, post(chunked) + b"1\r\nxx0\r\n\r\n" + hidden],
        "body": [post(b"Content-Length: 5") + b"12345" + hidden, post() + hidden],
        "connect": [b"CONNECT " + other + b":443 HTTP/1.1\r\n" + ok + b"\r\n\r\n", b"CONNECT " + other + b":443 HTTP/1.1\r\nHost: " + other + b"\r\n\r\n",
                    b"CONNECT " + ALLOWED + b":443 HTTP/1.1\r\n" + ok + b"\r\n\r\n" + word],
        "proxy": [get(b"http://" + other + b"/", evil), get(b"https://" + other + b"/", evil), get(b"ftp://" + other + b"/", ok)],
        "websocket": [get(path, ok, b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")],
        "prior": [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + word],
        "upgrades": [get(path, ok, b"Connection: Upgrade", b"Upgrade: " + kind) for kind in (b"TLS/1.0", b"connect-udp", b"x-" + word)],
    }  # fmt: skip


def main():
    requests = forms(sys.argv[2])[sys.argv[1]]
    try:
        socket.getaddrinfo("allowed.test", 80)
    except OSError as error:
        print(error)
    shared = None
    for request in requests:
        try:
            sock = shared or socket.create_connection(("198.18.2.80", int(sys.argv[3]) if sys.argv[3:] else 80), 20)
            sock.settimeout(0.4)
            shared = sock if sys.argv[1] == "second" else None
            sock.sendall(request)
            print(sock.recv(65536)[:12] or "closed")
        except OSError as error:
            print(error)


if __name__ == "__main__":
    main()
