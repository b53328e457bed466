#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""legit_client.py urls|resolve|pools N SECONDS: what Python programs of a build do: urllib, http.client, requests; many resolutions at once;
a pool of N connections over several names, held idle for SECONDS and used again, as .NET's and Java's pools are."""
import concurrent.futures
import hashlib
import http.client
import os
import socket
import ssl
import sys
import threading
import time
import urllib.request

CONTEXT = ssl.create_default_context(cafile=os.environ["CA"])


def ask(connection, host, path="/hello"):
    connection.request("GET", path)
    body = connection.getresponse().read()
    assert path != "/hello" or body == f"hello from {host}\n".encode(), body
    return body


def urls():
    for url in "https://git.test", "http://git.test":
        for _ in range(3):
            assert urllib.request.urlopen(url + "/hello", timeout=60, context=CONTEXT if url[4] == "s" else None).read() == b"hello from git.test\n"
        body = os.urandom(300000)
        request = urllib.request.Request(url + "/sum", data=body, method="POST")
        assert urllib.request.urlopen(request, timeout=60, context=CONTEXT if url[4] == "s" else None).read().decode().strip() == hashlib.sha256(body).hexdigest()
    for kept in http.client.HTTPSConnection("git.test", timeout=60, context=CONTEXT), http.client.HTTPConnection("git.test", timeout=60):
        for _ in range(20):
            ask(kept, "git.test")
        # A body in chunks, from a generator; then the connection goes on.
        kept.request("POST", "/sum", body=(b"x" * 1000 for _ in range(50)), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        assert kept.getresponse().read().decode().strip() == hashlib.sha256(b"x" * 50000).hexdigest()
        ask(kept, "git.test")
    try:
        import requests
    except ImportError:
        return
    session = requests.Session()
    session.trust_env = False # a proxy or a CA of this machine's
    session.verify = os.environ["CA"]
    for url in "https://git.test/hello", "http://git.test/hello", "https://v6only.test/hello", "https://v4only.test/hello":
        for _ in range(3):
            assert session.get(url, timeout=60).status_code == 200
    assert session.post("http://git.test/sum", files={"a": b"y" * 5000}, timeout=60).status_code == 200


def resolve():
    names = ["git.test", "allowed.test", "v4only.test", "v6only.test", "chain0.test", "deb.test"] + [f"pool{i}.test" for i in range(10)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for round_ in range(4):
            start = time.monotonic()
            list(pool.map(lambda name: socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM), names))
            took = time.monotonic() - start
            # No answer waited for a second try (resolv.conf says after 2 s).
            assert took < 1.5 * float(os.environ.get("SLOW", "1")), took


def pools(count, idle):
    """As a pool fills: all at once; then silence; then each is used again from several threads; and some are opened long before their
    first byte."""
    hosts = [f"pool{i}.test" for i in range(10)]
    kept = [(http.client.HTTPSConnection(host, timeout=60, context=CONTEXT), host) for host in (hosts * 10)[:count]]
    kept += [(http.client.HTTPConnection("deb.test", timeout=60), "deb.test") for _ in range(count // 2)]
    early = [socket.create_connection((host, 443), timeout=60) for host in hosts]
    with concurrent.futures.ThreadPoolExecutor(25) as pool:
        list(pool.map(lambda one: ask(*one), kept))
        for one, _ in kept:
            one.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            one.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
            one.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
        before = [one.sock for one, _ in kept]
        time.sleep(idle)
        start = time.monotonic()
        list(pool.map(lambda one: ask(*one), kept))
        print(f"{len(kept)} connections used again in {time.monotonic() - start:.2f} s")
        assert before == [one.sock for one, _ in kept], "a connection was opened anew"
        list(pool.map(lambda one: ask(one[0], one[1], "/medium"), kept[: count // 5] + kept[-3:]))
    for sock, host in zip(early, hosts):
        with CONTEXT.wrap_socket(sock, server_hostname=host) as tls:
            tls.sendall(f"GET /hello HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            assert b"hello from" in b"".join(iter(lambda: tls.recv(4096), b""))


if __name__ == "__main__":
    threading.stack_size(1 << 18)
    {"urls": urls, "resolve": resolve, "pools": lambda: pools(int(sys.argv[2]), float(sys.argv[3]))}[sys.argv[1]]()
