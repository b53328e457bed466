#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""far_web.py ADDRESS PORT ROOT: what nginx of the tests' small internet hands on: /repo/… goes to git's CGI (git http-backend),
/sum answers with the SHA-256 of the body.  Bounded: 30 minutes, 64 MiB a body."""
import hashlib
import http.server
import os
import signal
import subprocess
import sys
import threading

LIMIT = 64 << 20


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            total = 0
            while size := int(self.rfile.readline().split(b";")[0], 16):
                total += size
                if total > LIMIT:
                    raise ValueError("too large")
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
        else:
            left = min(int(self.headers.get("Content-Length", 0)), LIMIT)
            while left:
                piece = self.rfile.read(min(left, 1 << 16))
                left -= len(piece)
                yield piece

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def sum(self):
        digest = hashlib.sha256()
        for piece in self.body():
            digest.update(piece)
        self.answer(200, [("Content-Type", "text/plain")], digest.hexdigest().encode() + b"\n")

    def git(self):
        path, _, query = self.path.partition("?")
        body = b"".join(self.body())
        env = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "GIT_PROJECT_ROOT": sys.argv[3], "GIT_HTTP_EXPORT_ALL": "1", "REMOTE_USER": "a",
               "REMOTE_ADDR": "198.18.1.2", "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command, "CONTENT_LENGTH": str(len(body)),
               "CONTENT_TYPE": self.headers.get("Content-Type", ""), "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
               "GIT_PROTOCOL": self.headers.get("Git-Protocol", "")}
        out = subprocess.run(["git", "http-backend"], input=body, env=env, stdout=subprocess.PIPE, check=False).stdout
        head, _, rest = out.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")]
        status = [value for name, value in headers if name == "Status"]
        self.answer(int(status[0].split()[0]) if status else 200, [h for h in headers if h[0] != "Status"], rest)

    def handle_any(self):
        self.sum() if self.path.startswith("/sum") else self.git()

    do_GET = do_POST = do_PUT = handle_any


if __name__ == "__main__":
    signal.alarm(1800)
    server = http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    signal.pause()
