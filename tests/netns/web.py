#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""For the tests of plain HTTP: a server that ordinary clients are used to, and clients that write what libraries do not.

web.py git ADDRESS PORT ROOT       git's smart protocol (git-http-backend) over HTTP/1.1 with keep-alive and chunks; also /echo,
                                   which takes any POST and answers with its SHA-256 and the trailers
                                   that it had; prints a line a request: Host, method, path, bytes of its body
web.py raw ADDRESS PORT TEXT       sends TEXT (with \\r \\n), prints what comes until the server closes (or says nothing for 20 seconds)
Bounded: 30 minutes, 64 MiB a body."""
import hashlib
import http.server
import os
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

LIMIT = 64 << 20


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root = "/"

    def log_message(self, *_):
        pass

    def body(self):
        """The request's body, by length or chunks (RFC 9112 s6, s7.1), and its trailers."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(min(LIMIT, int(self.headers.get("Content-Length", 0)))), []
        data, trailers = b"", []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
            if len(data) > LIMIT:
                raise ValueError("too long")
        while line := self.rfile.readline().strip():
            trailers.append(line.decode("latin1"))
        return data, trailers

    def answer(self, status, fields, data):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def serve(self):
        data, trailers = self.body()
        where = urlsplit(self.path)
        os.write(1, f"{self.headers.get('Host')} {self.command} {where.path} {len(data)}\n".encode("latin1", "replace"))  # one write: threads
        if where.path == "/echo":
            self.answer(200, [], (hashlib.sha256(data).hexdigest() + " " + "; ".join(trailers) + "\n").encode())
            return
        if not where.path.startswith("/repo.git/"):
            self.answer(404, [], b"")
            return
        env = dict(os.environ, GIT_PROJECT_ROOT=self.root, GIT_HTTP_EXPORT_ALL="1", PATH_INFO=where.path, QUERY_STRING=where.query)
        env.update(REQUEST_METHOD=self.command, REMOTE_USER="test", REMOTE_ADDR="test", CONTENT_TYPE=self.headers.get("Content-Type", ""))
        env.update(CONTENT_LENGTH=str(len(data)), HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""))
        env.update(GIT_PROTOCOL=self.headers.get("Git-Protocol", ""))
        out = subprocess.run(["git", "http-backend"], input=data, env=env, stdout=subprocess.PIPE, timeout=60, check=True).stdout
        head, _, rest = out.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        status = next((int(value.split()[0]) for name, value in fields if name == "Status"), 200)
        self.answer(status, [f for f in fields if f[0] != "Status"], rest)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET
    daemon_threads = True


def raw(address, port, text):
    sock = socket.create_connection((address, int(port)), timeout=20)
    sock.sendall(text.encode("latin1").decode("unicode_escape").encode("latin1"))
    got = b""
    try:
        while data := sock.recv(65536):
            got += data
    except TimeoutError:
        pass
    sys.stdout.write(got.decode("latin1"))


if __name__ == "__main__":
    signal.alarm(1800)
    if sys.argv[1] == "raw":
        try:
            raw(*sys.argv[2:5])
        except OSError as e:
            sys.exit(str(e))
    else:
        address, port, Handler.root = sys.argv[2:5]
        if ":" in address:
            Server.address_family = socket.AF_INET6
        server = Server((address, int(port)), Handler)
        print("ready", flush=True)
        server.serve_forever()
