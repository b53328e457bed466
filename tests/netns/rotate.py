#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names whose addresses rotate, as a CDN's do, and a build that uses them.

rotate.py serve ADDRESS EVERY      a DNS server: each name *.rot.test has two addresses out of 200 of each family, others every
                                   EVERY seconds, with that TTL
rotate.py build CA SECONDS EVERY   resolves and connects anew; keeps connections; connects to addresses whose TTL is long over, as
                                   a JVM's cache does.  Prints each error and, at the end, a line of figures.
Exit status of build: 0 when nothing failed.  Bounded: SECONDS; 16 threads; what it remembers of a name: 64 addresses."""
import collections
import json
import random
import socket
import ssl
import struct
import sys
import threading
import time

TLS_NAMES = [f"r{i}.rot.test" for i in range(10)]
HTTP_NAMES = [f"h{i}.rot.test" for i in range(3)]
TCP_NAMES = ["t0.rot.test"]
TYPES = {1: (socket.AF_INET, "198.18.4.%d"), 28: (socket.AF_INET6, "2001:db8:4::%x")}


def serve(address, every):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, 53))
    print("ready", flush=True)
    while True:
        message, peer = sock.recvfrom(4096)
        labels, at = [], 12
        while at < len(message) and message[at]:
            labels.append(message[at + 1 : at + 1 + message[at]])
            at += 1 + message[at]
        qtype = struct.unpack(">H", message[at + 1 : at + 3])[0]
        name, tick, records = b".".join(labels).lower(), int(time.time() / every), b""
        if qtype in TYPES:
            family, form = TYPES[qtype]
            # A tcp:// name has addresses of its own: there any bytes may pass, which would hide what the others show.
            first, count = (201, 50) if name.startswith(b"t") else (1, 200)
            for i in range(2):
                data = socket.inet_pton(family, form % (first + (sum(name) * 7 + tick * 2 + i) % count))
                records += b"\xc0\x0c" + struct.pack(">HHIH", qtype, 1, max(1, int(every)), len(data)) + data
        head = message[:2] + b"\x84\x00" + struct.pack(">HHHH", 1, 2 if records else 0, 0, 0)
        sock.sendto(head + message[12 : at + 5] + records, peer)


class Build:
    def __init__(self, ca, seconds, every):
        self.context = ssl.create_default_context(cafile=ca)
        self.end, self.every = time.monotonic() + seconds, every
        self.lock, self.errors, self.times = threading.Lock(), [], collections.defaultdict(list)
        self.seen = collections.defaultdict(lambda: collections.deque(maxlen=64))

    def timed(self, what, action):
        start = time.monotonic()
        try:
            return action()
        except OSError as error:
            with self.lock:
                self.errors.append(what)
            print(f"{time.strftime('%H:%M:%S')} {what}: {type(error).__name__}: {error}", flush=True)
            return None
        finally:
            with self.lock:
                self.times[what.split()[0]].append((time.monotonic() - start) * 1000)

    def resolve(self, name, port):
        found = [(i[0], i[4]) for i in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)]
        with self.lock:
            known = self.seen[name]
            known.extend((f, a, time.monotonic()) for f, a in found if (f, a) not in [k[:2] for k in known])
        return found

    def connect(self, family, address, name):
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(60)
        try:
            sock.connect(address)
            if address[1] == 443:
                return self.context.wrap_socket(sock, server_hostname=name)
            return sock
        except OSError:
            sock.close()
            raise

    def request(self, sock, name):
        sock.sendall(f"GET /hello HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        data = b""
        while b"hello from " + name.encode() not in data:
            chunk = sock.recv(4096)
            if not chunk:
                raise ConnectionError("closed before the answer")
            data += chunk
        return True

    def anew(self, kind, names, port, pause):
        """Resolves, connects, asks, closes."""
        while time.monotonic() < self.end:
            name = random.choice(names)
            found = self.timed(f"resolve {name}", lambda: self.resolve(name, port))
            for family, address in random.sample(found or [], 1):
                with_sock = lambda: self.connect(family, address, name)
                sock = self.timed(f"connect-{kind} {name} {address[0]}", with_sock)
                if sock:
                    with sock:
                        self.timed(f"request-{kind} {name} {address[0]}", lambda: self.request(sock, name))
            time.sleep(pause)

    def kept(self, kind, name, port):
        """One connection for the whole time, idle between requests."""
        family, address = random.choice(self.timed(f"resolve {name}", lambda: self.resolve(name, port)))
        sock = self.connect(family, address, name)
        while time.monotonic() < self.end:
            if not self.timed(f"kept-{kind} {name} {address[0]}", lambda: self.request(sock, name)):
                return
            time.sleep(random.uniform(0.2, max(1.0, min(30.0, self.every))))

    def cached(self, kind, names, port, age_max):
        """Connects to what a name had some time ago, without asking again."""
        while time.monotonic() < self.end:
            time.sleep(random.uniform(0.2, 1.0))
            name, now = random.choice(names), time.monotonic()
            with self.lock:
                known = [k for k in self.seen[name] if now - k[2] < age_max]
            if known:
                family, address, _ = random.choice(known)
                sock = self.timed(f"stale-{kind} {name} {address[0]}", lambda: self.connect(family, address, name))
                if sock:
                    with sock:
                        self.timed(f"stale-request-{kind} {name} {address[0]}", lambda: self.request(sock, name))

    def run(self):
        jobs = [(self.anew, "tls", TLS_NAMES, 443, 0.1)] * 2 + [(self.anew, "http", HTTP_NAMES, 80, 0.2), (self.anew, "tcp", TCP_NAMES, 80, 0.5)]
        jobs += [(self.kept, "tls", name, 443) for name in TLS_NAMES[:5]] + [(self.kept, "http", HTTP_NAMES[0], 80), (self.kept, "tcp", TCP_NAMES[0], 80)]
        # Where a server name is checked a binding has an hour of grace; elsewhere 300 seconds at least.
        jobs += [(self.cached, "tls", TLS_NAMES, 443, 3600.0)] * 2 + [(self.cached, "http", HTTP_NAMES, 80, 3600.0), (self.cached, "tcp", TCP_NAMES, 80, 290.0)]
        threads = [threading.Thread(target=job[0], args=job[1:]) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        figures = {what: {"count": len(all_ms), "median_ms": round(sorted(all_ms)[len(all_ms) // 2], 1), "max_ms": round(max(all_ms)), "over_500_ms": sum(ms > 500 for ms in all_ms)}
                   for what, all_ms in sorted(self.times.items())}
        print(json.dumps({"errors": len(self.errors), "addresses": sum(len(known) for known in self.seen.values()), **figures}))
        return 1 if self.errors or len(figures) < 11 else 0


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], float(sys.argv[3]))
    else:
        sys.exit(Build(sys.argv[2], float(sys.argv[3]), float(sys.argv[4])).run())
