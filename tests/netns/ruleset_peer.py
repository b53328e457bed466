# SPDX-License-Identifier: GPL-3.0-or-later
"""Both ends of the traffic of test_ruleset.sh.

serve LOG            echo servers on every address: TCP 80..89, UDP 5000..5009; all that arrives is a line of LOG
listen PORT LOG      one TCP echo server
tcp HOST PORT [STEP...]   connect, then steps: text to send and wait for, "!command" to run; prints what happened
udp HOST PORT [TEXT] [MARK]
flood HOST PORT SECONDS
changes FILE LOG PID SECONDS POLICY...   FILE becomes one POLICY (\\n between lines) after the other, and PID reads it again; LOG says "applied"
speak PORT HOST PORT [FILE]   from a UDP port to a UDP port, again and again until FILE is there
answer PORT HOST PORT FILE   waits for a UDP datagram on PORT, until FILE is there; told by "heard"; then sends an answer whatever came

TIMEOUT: seconds to wait for each answer; AFTER: those behind the last "!command"."""
import os, signal, socket, subprocess, sys, threading, time

TIMEOUT = float(os.environ.get("TIMEOUT", "1"))
AFTER = float(os.environ.get("AFTER", TIMEOUT))


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def dual(kind, port):
    s = socket.socket(socket.AF_INET6, kind)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::", port))
    return s


def tcp_server(port, log):
    s = dual(socket.SOCK_STREAM, port)
    s.listen(64)

    def one(c, peer):
        log("tcp %d connected %s" % (port, peer[0]))
        try:
            while data := c.recv(65536):
                log("tcp %d data %r" % (port, data))
                c.sendall(data)
        except OSError:
            pass

    def accept():
        while True:
            c, peer = s.accept()
            threading.Thread(target=one, args=(c, peer), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def udp_server(port, log):
    s = dual(socket.SOCK_DGRAM, port)

    def run():
        while True:
            data, peer = s.recvfrom(65536)
            log("udp %d data %r %s" % (port, data, peer[0]))
            s.sendto(data, peer)

    threading.Thread(target=run, daemon=True).start()


def logger(path):
    file = open(path, "a", buffering=1)
    return lambda text: file.write(text + "\n")


def tcp(host, port, steps):
    s = socket.socket(family(host), socket.SOCK_STREAM)
    s.settimeout(TIMEOUT)
    try:
        s.connect((host, port))
        print("connected", flush=True)
        for at, step in enumerate(steps):
            if step.startswith("!"):
                subprocess.run(step[1:], shell=True, check=True, stderr=subprocess.DEVNULL)
                if not any(later.startswith("!") for later in steps[at + 1 :]):
                    s.settimeout(AFTER)
                continue
            s.sendall(step.encode())
            print("got", s.recv(65536).decode(), flush=True)
    except OSError as e:
        print("failed", e, flush=True)


def udp(host, port, text, mark):
    s = socket.socket(family(host), socket.SOCK_DGRAM)
    if mark:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
    s.settimeout(TIMEOUT)
    try:
        s.connect((host, port))
        s.send(text.encode())
        print("got", s.recv(65536).decode())
    except OSError as e:
        print("failed", e)


def flood(host, port, seconds):
    end = time.time() + seconds
    sent = 0
    while time.time() < end:
        s = socket.socket(family(host), socket.SOCK_DGRAM)
        for _ in range(20):
            try:
                s.sendto(b"flood", (host, port))
                sent += 1
            except OSError:
                pass
        s.close()
        time.sleep(0.001)
    print("sent", sent)


def changes(path, log, pid, seconds, policies):
    end, count, text = time.monotonic() + seconds, 0, b""
    with open(log, "rb") as said:
        said.seek(0, os.SEEK_END)
        while time.monotonic() < end:
            with open(path + ".new", "w") as file:
                file.write(policies[count % len(policies)].replace("\\n", "\n"))
            os.rename(path + ".new", path)
            os.kill(pid, signal.SIGHUP)
            asked = time.monotonic()
            while (at := text.find(b"\napplied")) < 0:
                if time.monotonic() > asked + 240:
                    sys.exit("not applied")
                text = text[-20:] + said.read()
                time.sleep(0.001)
            text = text[at + 8 :]
            count += 1
    print("changed", count)


def answer(port, host, to, until):
    s = socket.socket(family(host), socket.SOCK_DGRAM)
    s.bind(("::" if ":" in host else "0.0.0.0", port))
    s.settimeout(0.02)
    print("waiting", flush=True)
    heard, end = None, time.monotonic() + 60
    while heard is None and not os.path.exists(until) and time.monotonic() < end:
        try:
            heard = s.recv(65536).decode()
        except OSError:
            pass
    print("heard", heard or "nothing", flush=True)
    s.sendto(b"secret", (host, to))


what, args = sys.argv[1], sys.argv[2:]
if what == "serve":
    log = logger(args[0])
    for number in range(80, 90):
        tcp_server(number, log)
    for number in range(5000, 5010):
        if number != 5005:
            udp_server(number, log)
    log("ready")
    time.sleep(3600)
elif what == "listen":
    log = logger(args[1])
    tcp_server(int(args[0]), log)
    log("ready")
    time.sleep(3600)
elif what == "tcp":
    tcp(args[0], int(args[1]), args[2:])
elif what == "udp":
    udp(args[0], int(args[1]), args[2] if len(args) > 2 else "hello", int(args[3], 0) if len(args) > 3 else 0)
elif what == "flood":
    flood(args[0], int(args[1]), float(args[2]))
elif what == "changes":
    changes(args[0], args[1], int(args[2]), float(args[3]), args[4:])
elif what == "speak":
    s = socket.socket(family(args[1]), socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::" if ":" in args[1] else "0.0.0.0", int(args[0])))
    end = time.monotonic() + 60
    s.sendto(b"first", (args[1], int(args[2])))
    while len(args) > 3 and not os.path.exists(args[3]) and time.monotonic() < end:
        time.sleep(0.1)
        s.sendto(b"first", (args[1], int(args[2])))
elif what == "answer":
    answer(int(args[0]), args[1], int(args[2]), args[3])
