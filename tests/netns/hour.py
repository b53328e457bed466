#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mixed load of one scope, for test_hour.sh.

    hour.py SCOPE SECONDS LONG_SECONDS LARGE CA LOG [SOURCE4 SOURCE6]
    hour.py once SCOPE PREFIX [SOURCE4 SOURCE6]          each forbidden thing once
    hour.py watch < CAPTURE                               prints the nonces in it as they come

Downloads and uploads that take LONG_SECONDS (TLS; tcp://), short fetches, a kept-alive HTTP connection, questions over UDP and
TCP, refused names and addresses, and forbidden things of all kinds with a fresh nonce each ("escaped-..."): from a cgroup, or from
the addresses given.  LOG gets a JSON line for each thing that did not end as it must, with its beginning and end (the evaluation
knows when a process of the gate was killed), and a last line with the counts."""
import hashlib
import json
import os
import re
import socket
import ssl
import struct
import sys
import threading
import time

import near

RESOLVER = "198.18.2.53", "2001:db8:2::53"
WEB = "198.18.2.80", "2001:db8:2::80"
BYTES = "198.18.2.81", "2001:db8:2::81"
EVIL = "198.18.3.66", "2001:db8:3::66"
TIMEOUT = 8.0
LONG_BYTES = 6 << 20  # of a TLS transfer, at the server's rate; of a tcp:// one half


class Passed(Exception):
    """What must be refused was not."""


class Load:
    def __init__(self, scope, source=("", "")):
        self.scope, self.source, self.counts, self.lock = scope, source, {}, threading.Lock()
        self.serial, self.end, self.log = 0, time.time(), sys.stdout

    def nonce(self):
        with self.lock:
            self.serial += 1
            return f"escaped-{self.scope}-{self.serial}z"

    def run(self, kind, action, *arguments):
        """Does it, counts it; a failure is a line of the log."""
        start, state = time.time(), {}
        try:
            action(state, *arguments)
            failure = None
        except Passed as passed:
            failure = f"PASSED {passed}"
        except (OSError, ValueError, EOFError) as error:
            failure = "TIMEOUT" if isinstance(error, TimeoutError) else f"{type(error).__name__} {error}"
        with self.lock:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            if failure:
                line = {"scope": self.scope, "kind": kind, "start": start, "end": time.time(), "failure": failure, **state}
                self.log.write(json.dumps(line) + "\n")
                self.log.flush()
        return failure is None

    # ---- sockets and names ----

    def open(self, kind, address, port, timeout=TIMEOUT, protocol=0):
        six = ":" in address
        sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, kind, protocol)
        sock.settimeout(timeout)
        try:
            if self.source[six]:
                sock.bind((self.source[six], 0))
            sock.connect((address, port))
        except BaseException:
            sock.close()
            raise
        return sock

    def ask(self, name, six=False, tcp=False, server=None):
        """(rcode, addresses)"""
        with self.lock:
            self.serial += 1
            ident = self.serial & 0xffff
        wire = near.query(name + ("/AAAA" if six else ""), ident)
        with self.open(socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM, server or RESOLVER[six], 53) as sock:
            if tcp:
                sock.sendall(struct.pack(">H", len(wire)) + wire)
                message = near.read_exactly(sock, struct.unpack(">H", near.read_exactly(sock, 2))[0])
            else:
                sock.send(wire)
                message = sock.recv(4096)
        if len(message) < 12 or message[:2] != wire[:2]:
            raise ValueError("an answer to another question")
        at, found = len(wire), []
        for _ in range(struct.unpack(">H", message[6:8])[0]):
            while message[at] and message[at] < 0xc0:
                at += 1 + message[at]
            at += 2 if message[at] else 1
            kind, size = struct.unpack(">H6xH", message[at : at + 10])
            if kind in (1, 28):
                found.append(socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, message[at + 10 : at + 10 + size]))
            at += 10 + size
        return message[3] & 15, found

    def address(self, name, six, tcp=False):
        rcode, found = self.ask(name, six, tcp)
        if rcode or not found:
            raise ValueError(f"{name}: rcode {rcode}, {len(found)} addresses")
        return found[0]

    def tls(self, address, name, verify=True, words=()):
        context = ssl.create_default_context(cafile=CA)
        context.set_alpn_protocols(["http/1.1", *words])
        if not verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        sock = self.open(socket.SOCK_STREAM, address, 443)
        try:
            return context.wrap_socket(sock, server_hostname=name)
        except BaseException:
            sock.close()
            raise

    @staticmethod
    def head(sock):
        """A response's status and how much follows."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += near.read_exactly(sock, 1)
        length = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
        return int(head.split()[1]), length[0] if length else 0

    # ---- what is allowed ----

    def long_tls(self, state, n, large):
        """`established`: the server's first data came, so the connection is the kernel's."""
        name, offset, got = ("allowed.test", "cdn.test")[n % 2], (n * 7 % 40) << 20, 0
        with open(large, "rb") as file, self.tls(self.address(name, n % 2), name) as sock:
            sock.settimeout(30)
            file.seek(offset)
            sock.sendall(f"GET /long HTTP/1.1\r\nHost: {name}\r\nRange: bytes={offset}-{offset + LONG_BYTES - 1}\r\n\r\n".encode())
            status, size = self.head(sock)
            if (status, size) != (206, LONG_BYTES):
                raise ValueError(f"status {status}, {size} bytes")
            state["established"] = time.time()
            while got < LONG_BYTES:
                data = sock.recv(16384)
                if not data or data != file.read(len(data)):
                    raise EOFError(f"it ended or differs after {got} bytes")
                got += len(data)
                state["bytes"] = got

    def long_tcp(self, state, n, seconds):
        address, size, got = self.address("tcp.test", n % 2), LONG_BYTES // 2, 0
        if n // 2 % 2:
            with self.open(socket.SOCK_STREAM, address, 9001, timeout=30) as sock:
                sock.sendall(f"{size} {max(size // seconds, 1)}\n".encode())
                while got < size:
                    want = b"".join(hashlib.sha256(b"%d" % (got // 32 + i)).digest() for i in range(512))[: size - got]
                    if near.read_exactly(sock, len(want)) != want:
                        raise EOFError(f"it differs after {got} bytes")
                    got += len(want)
                    state.setdefault("established", time.time())
            return
        digest, began = hashlib.sha256(), time.time()
        with self.open(socket.SOCK_STREAM, address, 9000, timeout=30) as sock:
            while got < size:
                block = os.urandom(16384)
                digest.update(block)
                sock.sendall(block)
                got += len(block)
                time.sleep(max(0.0, seconds * got / size - (time.time() - began)))
                if got > 4 * 16384:
                    state.setdefault("established", time.time())
            sock.shutdown(socket.SHUT_WR)
            if near.read_exactly(sock, 64).decode() != digest.hexdigest():
                raise ValueError("the server's hash differs")

    def short_tls(self, _state, n):
        name = ("allowed.test", "cdn.test", "both.test")[n % 3]
        with self.tls(self.address(name, n % 2), name) as sock:
            sock.sendall(f"GET /hello HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
            status, size = self.head(sock)
            if status != 200 or name.encode() not in near.read_exactly(sock, size):
                raise ValueError(f"status {status}")

    def http(self, state, n):
        """Fifty requests of one connection."""
        with self.open(socket.SOCK_STREAM, self.address("allowed.test", n % 2), 80) as sock:
            for i in range(50):
                state["requests"] = i
                sock.sendall(b"GET /hello HTTP/1.1\r\nHost: allowed.test\r\n\r\n")
                status, size = self.head(sock)
                if status != 200 or not near.read_exactly(sock, size):
                    raise ValueError(f"status {status}")
                if time.time() > self.end:
                    break
                time.sleep(0.25)

    def dns(self, _state, n, tcp):
        if self.ask("both.test", n % 2, tcp)[1] != [WEB[n % 2]]:
            raise ValueError("another answer")

    def churn(self, _state, n):
        """A name that policies take away and give back: whatever comes of it, but an answer it is."""
        try:
            self.short_of(n, "mirror.test")
        except (OSError, ValueError, EOFError) as error:
            if isinstance(error, TimeoutError):
                raise

    def short_of(self, n, name):
        with self.tls(self.address(name, n % 2), name) as sock:
            sock.sendall(f"GET /medium HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
            near.read_exactly(sock, self.head(sock)[1])

    # ---- what is not ----

    def refused(self, action, *arguments):
        try:
            answer = action(*arguments)
        except TimeoutError:
            raise
        except (OSError, ValueError, EOFError):
            return
        raise Passed(f"{action.__name__}{arguments}: {answer}")

    def refused_name(self, _state, n, tcp):
        rcode, found = self.ask(f"n{n}.refused.test", n % 2, tcp)
        if rcode != 3 or found:
            raise Passed(f"rcode {rcode}")

    def refused_port(self, _state, n):
        self.refused(self.exchange, BYTES[n % 2], 9002, b"x")

    def exchange(self, address, port, data, kind=socket.SOCK_STREAM):
        with self.open(kind, address, port) as sock:
            sock.send(data)
            return sock.recv(4096)

    def forbidden(self, _state, n, which):
        word, six = self.nonce(), n % 2
        actions = (
            lambda: self.exchange(EVIL[six], 80, f"GET /{word} HTTP/1.0\r\n\r\n".encode()),
            lambda: self.exchange(EVIL[six], 9999, word.encode(), socket.SOCK_DGRAM),
            lambda: self.ask_evil(f"{word}.evil.test", six, False, None),
            lambda: self.ask_evil(f"{word}.evil.test", six, True, None),
            lambda: self.ask_evil(f"{word}.test", six, False, EVIL[six]),
            lambda: self.tls(WEB[six], f"{word}.other.test", verify=False).close(),
            lambda: self.host_header(six, word),
            lambda: self.second_host(six, word),
            lambda: self.tls_to_evil(six, word),
            lambda: self.ping(six, word),
        )
        name = ("tcp", "udp", "dns", "dns over tcp", "foreign resolver", "sni", "host", "second host", "bound name elsewhere", "ping")
        try:
            actions[which]()
        except TimeoutError:
            raise
        except (OSError, ValueError, EOFError):
            return
        raise Passed(f"{name[which]} {word}")

    def ask_evil(self, name, six, tcp, server):
        if self.ask(name, six, tcp, server)[0]:
            raise ValueError("refused")

    def host_header(self, six, word):
        self.address("allowed.test", six)
        if b" 200 " not in self.exchange(WEB[six], 80, f"GET /hello HTTP/1.1\r\nHost: {word}.test\r\nConnection: close\r\n\r\n".encode())[:20]:
            raise ValueError("refused")

    def second_host(self, six, word):
        with self.open(socket.SOCK_STREAM, self.address("allowed.test", six), 80) as sock:
            for host in "allowed.test", f"{word}.test":
                sock.sendall(f"GET /hello HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                near.read_exactly(sock, self.head(sock)[1])

    def tls_to_evil(self, six, word):
        with self.tls(EVIL[six], "allowed.test", verify=False, words=[word]) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            near.read_exactly(sock, 1)

    def ping(self, six, word):
        protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
        with self.open(socket.SOCK_DGRAM, EVIL[six], 0, protocol=protocol) as sock:
            sock.send(struct.pack(">BBHHH", 128 if six else 8, 0, 0, 1, 1) + word.encode())
            sock.recv(4096)

    # ---- the threads ----

    def loop(self, pause, *steps):
        """Each step is (kind, action, arguments); it gets how often it was done as its first argument."""
        n = len(self.scope)
        while time.time() < self.end:
            for kind, action, *arguments in steps:
                self.run(kind, action, n, *arguments)
                time.sleep(pause)
                if time.time() > self.end:
                    return
            n += 1

    def all(self, seconds, long_seconds, large):
        self.end = time.time() + seconds
        loops = [
            (0.2, ("long_tls", self.long_tls, large)),
            (0.2, ("long_tcp", self.long_tcp, long_seconds)),
            (0.4, ("short_tls", self.short_tls), ("dns_udp", self.dns, False), ("dns_tcp", self.dns, True), ("churn", self.churn)),
            (0.1, ("http", self.http)),
            (0.5, ("refused", self.refused_name, False), ("refused", self.refused_port), ("refused_tcp", self.refused_name, True)),
            (0.3, *(("forbidden_tcp" if i == 3 else "forbidden", self.forbidden, i) for i in range(10))),
        ]
        threads = [threading.Thread(target=self.loop, args=one, daemon=True) for one in loops]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.log.write(json.dumps({"scope": self.scope, "counts": self.counts}) + "\n")
        self.log.flush()


def watch():
    rest = b""
    while data := sys.stdin.buffer.read1(1 << 16):
        data = rest + data
        for word in re.finditer(rb"escaped-[a-z0-9]+-[0-9]+z", data):
            print(word.group().decode(), flush=True)
            rest = b""
            data = data[:word.start()] + b"." * len(word.group()) + data[word.end():]
        rest = data[-80:]


def main():
    global CA
    if sys.argv[1] == "watch":
        return watch()
    if sys.argv[1] == "once":
        load = Load(sys.argv[2] + sys.argv[3], tuple(sys.argv[4:6]) or ("", ""))
        CA = None
        for six in 0, 1:
            for which in range(10):
                load.run("forbidden", load.forbidden, six, which)
        return None
    scope, seconds, long_seconds, large, CA, log = sys.argv[1:7]
    load = Load(scope, tuple(sys.argv[7:9]) or ("", ""))
    with open(log, "w") as load.log:
        load.all(int(seconds), int(long_seconds), large)
    return None


CA = None
if __name__ == "__main__":
    main()
