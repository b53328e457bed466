#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""ClientHellos that no TLS library would send, and honest ones sent oddly.

hello.py send FORM NONCE [ADDRESS [PORT]]     one hello, in one segment
hello.py cut SIZE|records NONCE [ADDRESS]     an honest hello for NONCE.test: segments of SIZE bytes; records of many sizes
hello.py resumed NONCE none|other             a session of allowed.test, taken up again without a name or with another
hello.py call writev|sendfile|sendmsg NONCE   an honest hello, the name in two pieces
hello.py change sendfile|zerocopy NONCE       an allowed name in pages that another process writes at the same time
First it resolves allowed.test, so the address is open; the address is 198.18.2.80 unless said."""
import ctypes
import mmap
import os
import signal
import socket
import ssl
import struct
import sys
import tempfile
import time

ALLOWED, WEB = b"allowed.test", "198.18.2.80"


def u8(data):
    return bytes([len(data)]) + data


def u16(data):
    return struct.pack(">H", len(data)) + data


def ext(kind, body):
    return struct.pack(">H", kind) + u16(body)


def sni(*names, kinds=None):
    return ext(0, u16(b"".join(bytes([kind]) + u16(name) for name, kind in zip(names, kinds or [0] * len(names)))))


def rest(nonce, share=True):
    """What else OpenSSL wants of a hello; the nonce stands in ALPN too where it is given."""
    key = ext(51, u16(struct.pack(">H", 29) + u16(os.urandom(32)) if share else b""))
    alpn = ext(16, u16(u8(nonce))) if nonce else b""
    return (ext(10, u16(b"\0\x1d\0\x17")) + ext(11, b"\1\0") + ext(13, u16(b"\4\3\x08\4\4\1\5\3\x08\5\5\1")) + ext(43, u8(b"\3\4\3\3")) + ext(45, u8(b"\1"))
            + key + alpn)  # fmt: skip


def hello(extensions, version=b"\3\3", tail=b"", raw=None):
    body = version + os.urandom(32) + u8(os.urandom(32)) + u16(b"\x13\1\x13\2\xc0\x2b\xc0\x2f\xc0\x2c\xcc\xa9") + b"\1\0"
    return body + (u16(extensions) if raw is None else raw) + tail


def handshake(body):
    return b"\1" + struct.pack(">I", len(body))[1:] + body


def record(data, kind=22, version=b"\3\1"):
    return bytes([kind]) + version + u16(data)


def sslv2(name):
    """RFC 5246 appendix E.2, and words where the challenge is."""
    body = b"\1\3\3" + struct.pack(">HHH", 9, 0, 32) + b"\1\0\x80\0\0\x2f\xff\0\x0a"[:9] + name.ljust(32, b"=")
    return struct.pack(">H", 0x8000 | len(body)) + body


def forms(nonce):
    word = nonce.encode()
    other = word + b".test"
    one = lambda extensions, **more: record(handshake(hello(extensions, **more)))  # noqa: E731
    ok = sni(ALLOWED)
    plain = handshake(hello(sni(other) + rest(b"")))
    cut = plain.index(word) + len(word) + 2
    names = {
        "nul": ALLOWED + b"\0." + other, "bell": b"\x07" + other, "ansi": b"\x1b[31m" + other, "utf8": "ä".encode() + other, "ip": WEB.encode(), "ip6": b"2001:db8:2::80",
        "empty": b"", "dot": ALLOWED + b".", "dots": b"." + ALLOWED, "blank": ALLOWED + b" ", "slash": ALLOWED + b"/" + other, "long": other.rjust(300, b"a")}  # fmt: skip
    out = {"name-" + k: [one(sni(v) + rest(word))] for k, v in names.items()}
    out |= {
        "other": [one(sni(other) + rest(b""))],
        "none": [one(rest(word))],
        "two-extensions": [one(ok + rest(b"") + sni(other)), one(sni(other) + ok + rest(b""))],
        "two-names": [one(sni(ALLOWED, other) + rest(b"")), one(sni(other, ALLOWED) + rest(b""))],
        "odd-type": [one(sni(other, ALLOWED, kinds=(1, 0)) + rest(b"")), one(sni(ALLOWED, other, kinds=(0, 7)) + rest(b""))],
        "lengths": [one(ext(0, struct.pack(">H", 9) + b"\0" + u16(ALLOWED)) + rest(word)), one(ext(0, u16(b"\0" + struct.pack(">H", 300) + ALLOWED)) + rest(word)),
                    one(ok + struct.pack(">HH", 21, 9000) + word), record(b"\1\0\x40\0" + hello(ok + rest(word)))],
        "trailing": [one(ext(0, u16(b"\0" + u16(ALLOWED)) + word) + rest(b"")), one(ok + rest(b""), tail=word), one(b"", raw=u16(ok + rest(b"")) + word)],
        "sslv2": [sslv2(word)],
        "sslv3": [one(rest(word), version=b"\3\0"), one(b"", version=b"\3\0", raw=u16(b"")[:0], tail=b"") + word],
        "ech": [one(ok + rest(b"") + ext(0xFE0D, b"\0\0\1\0\1\7" + u16(os.urandom(32)) + u16(word.ljust(200, b"=")))),
                one(ok + rest(b"") + ext(0xFFCE, word))],
        "empty-record": [record(plain[:cut]) + record(b"") + record(plain[cut:])],
        "alert-record": [record(plain[:cut]) + record(b"\1\0", kind=21) + record(plain[cut:])],
        "data-record": [record(plain[:cut]) + record(word, kind=23) + record(plain[cut:])],
        "plain": [b"EHLO " + word + b"\r\n", b"SSH-2.0-" + word + b"\r\n", b"\0" + word, b"\x16\3\1" + word],
        "http": [b"GET /" + word + b" HTTP/1.1\r\nHost: " + other + b"\r\n\r\n"],
        "message-first": [record(b"\0\0\0\0" + plain), record(b"\x14\0\0\1" + word[:1]) + record(plain)],
    }  # fmt: skip
    return out


def resolve():
    try:
        socket.getaddrinfo("allowed.test", 443)
    except OSError as error:
        print(error)


def connect(address=WEB, port=443, patience=0.3):
    sock = socket.create_connection((address, int(port)), 20)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(patience)
    return sock


def hear(sock):
    try:
        print(sock.recv(65536)[:5].hex() or "closed")
    except OSError as error:
        print(error)
    sock.close()


def send(form, nonce, address=WEB, port=443):
    resolve()
    for message in forms(nonce)[form]:
        try:
            sock = connect(address, port)
            sock.sendall(message)
            hear(sock)
        except OSError as error:
            print(error)


def honest(name, session=None):
    """A handshake over memory: (connection, in, out, the hello's handshake message)."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    conn = context.wrap_bio(incoming, outgoing, server_hostname=name, session=session)
    try:
        conn.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return conn, incoming, outgoing, outgoing.read()


def cut(how, nonce, address=WEB):
    resolve()
    sizes = [1, 7, 40] if how == "records" else [int(how)]
    for size in sizes:
        data = honest(nonce + ".test")[3]
        if how == "records":  # in one segment
            pieces = [b"".join(record(data[5:][i : i + size]) for i in range(0, len(data) - 5, size))]
        else:
            pieces = [data[i : i + size] for i in range(0, len(data), size)]
        sock = connect(address)
        try:
            for piece in pieces:
                sock.sendall(piece)
                if len(pieces) > 1:
                    time.sleep(0.001)
        except OSError as error:
            print(error)
        hear(sock)


def second(nonce):
    """No key share: the server asks for another hello.  That one names somebody else."""
    resolve()
    sock = connect()
    fixed = os.urandom(64)

    def message(name, share):
        body = hello(sni(name) + rest(b"", share))
        return record(handshake(body[:2] + fixed[:32] + b"\x20" + fixed[32:] + body[67:]))

    sock.sendall(message(ALLOWED, False))
    sock.settimeout(20)
    hear_first = sock.recv(65536)
    print(hear_first[:6].hex(), "HelloRetryRequest" if b"\xcf\x21\xad\x74\xe5\x9a\x61\x11" in hear_first else "no HelloRetryRequest")
    sock.sendall(message(nonce.encode() + b".test", True))
    hear(sock)


def resumed(nonce, how):
    resolve()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    first = context.wrap_socket(connect(patience=20), server_hostname="allowed.test")
    first.sendall(b"GET /hello HTTP/1.1\r\nHost: allowed.test\r\nConnection: close\r\n\r\n")
    first.recv(4096)
    context.set_alpn_protocols([nonce])
    again = context.wrap_socket(connect(patience=20), server_hostname=None if how == "none" else nonce + ".test", session=first.session)
    print(again.session_reused)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("len", ctypes.c_size_t)]


def call(how, nonce):
    resolve()
    data = honest(nonce + ".test")[3]
    middle = data.index(nonce.encode()) + len(nonce) // 2
    sock = connect()
    if how == "writev":
        print(os.writev(sock.fileno(), [data[:middle], data[middle:]]))
    elif how == "sendmsg":
        for part in data[:middle], data[middle:]:
            sock.sendmsg([part[:5], part[5:]])
    else:
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.flush()
            print(os.sendfile(sock.fileno(), file.fileno(), 0, len(data)))
    hear(sock)


def change(how, nonce):
    """The two names are of one length; which of them a reader sees depends on the moment."""
    resolve()
    good = b"deep.a.wild.test"
    bad = nonce.encode() + b"." + b"x" * (len(good) - len(nonce) - 1)
    socket.getaddrinfo(good.decode(), 443)
    data = honest(good.decode())[3]
    at = data.index(good)
    with tempfile.TemporaryFile(dir="/dev/shm") as file:
        file.truncate(65536)
        pages = mmap.mmap(file.fileno(), 65536)
        pages[: len(data)] = data
        flipper = os.fork()
        signal.alarm(0 if flipper else 120)
        while flipper == 0:  # beside us, in the same pages
            pages[at : at + len(good)] = bad
            pages[at : at + len(good)] = good
        end = time.monotonic() + 5
        for n in range(120):  # on a busy machine the two seldom run at once
            if n >= 24 and time.monotonic() > end:
                break
            try:
                sock = connect()
                if how == "sendfile":
                    os.sendfile(sock.fileno(), file.fileno(), 0, len(data))
                else:
                    sock.setsockopt(socket.SOL_SOCKET, 60, 1)  # SO_ZEROCOPY
                    sock.send(memoryview(pages)[: len(data)], 0x4000000)  # MSG_ZEROCOPY
                hear(sock)
            except OSError as error:
                print(error)
        os.kill(flipper, signal.SIGKILL)
        os.waitpid(flipper, 0)


COMMANDS = {f.__name__: f for f in (send, cut, second, resumed, call, change)}

if __name__ == "__main__":
    try:
        COMMANDS[sys.argv[1]](*sys.argv[2:])
    except OSError as error:
        sys.exit(str(error))
