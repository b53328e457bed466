# SPDX-License-Identifier: GPL-3.0-or-later
# Kills a process (-9) at a point of its work, found by its system calls (ptrace), so on a slow machine the same as on a fast one.
#
#     killed_at.py PID step N     before the Nth call that others may see (it is not made), counted from the next accept4 on
#     killed_at.py PID switch     behind the call that puts another policy in force: the serial in the policy's memory file is another
#
# Prints "ready" when it watches, at the end where it killed.  Ended before that, the process goes on.  Status 77: it may not watch.
import ctypes, os, platform, signal, struct, sys

CALLS = {"x86_64": {288: "accept4", 44: "sendto", 46: "sendmsg", 18: "pwrite64", 285: "fallocate"},
         "aarch64": {242: "accept4", 206: "sendto", 211: "sendmsg", 68: "pwrite64", 47: "fallocate"}}.get(platform.machine(), {})
SEIZE, INTERRUPT, SYSCALL, SYSCALL_INFO, TRACESYSGOOD, WALL = 0x4206, 0x4207, 24, 0x420E, 1, 0x40000000
pid, what = int(sys.argv[1]), sys.argv[2]
most = int(sys.argv[3]) if what == "step" else 0
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long

def ptrace(request, at=None, data=None):
    got = libc.ptrace(request, pid, at, data)
    if got < 0:
        raise OSError(ctypes.get_errno(), "ptrace %#x" % request)
    return got

def memory_file():
    for one in os.listdir(f"/proc/{pid}/fd"):
        if os.readlink(f"/proc/{pid}/fd/{one}").startswith("/memfd:sluice-bundle"):
            return os.open(f"/proc/{pid}/fd/{one}", os.O_RDONLY)
    sys.exit("no memory file of the policy")

def killed(where):
    os.kill(pid, signal.SIGKILL)
    print("killed", where, flush=True)
    sys.exit(0)

policies = memory_file()
serial = os.pread(policies, 4, 8)
try:
    if not CALLS:
        raise OSError("no numbers of system calls for this machine")
    ptrace(SEIZE, None, TRACESYSGOOD)
    ptrace(INTERRUPT)
except OSError as e:
    print("cannot watch:", e, flush=True)
    sys.exit(77)
info, began, seen, call, told = ctypes.create_string_buffer(88), False, 0, "", False
while True:
    _, status = os.waitpid(pid, WALL)
    if not os.WIFSTOPPED(status):
        sys.exit("it ended by itself")
    stop, deliver = os.WSTOPSIG(status), 0
    if stop == signal.SIGTRAP | 0x80:
        ptrace(SYSCALL_INFO, 88, ctypes.addressof(info))
        if info.raw[0] == 1:  # before a call
            call = CALLS.get(struct.unpack_from("<Q", info.raw, 24)[0], "")
            seen += began and call not in ("", "accept4")
            if most and seen == most:
                killed(f"before step {seen}: {call}")
        elif info.raw[0] == 2:  # behind it
            began = began or (call == "accept4" and struct.unpack_from("<q", info.raw, 24)[0] >= 0)
            if what == "switch" and call == "pwrite64" and os.pread(policies, 4, 8) != serial:
                killed("when another policy was in force")
    elif status >> 16 == 0:
        deliver = stop
    if not told:
        print("ready", flush=True)
        told = True
    ptrace(SYSCALL, None, deliver)
