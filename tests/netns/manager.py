#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service manager as far as a gate sees one (sd_notify(3), sd_listen_fds(3)): starts COMMAND when somebody connects to
its control socket, keeps the descriptors that it is given, and starts it again when it fails.

    manager.py DIRECTORY WATCHDOG_SECONDS CGROUP COMMAND...

DIRECTORY/said: every message; DIRECTORY/control: the socket; DIRECTORY/starts: a line a start; CGROUP: where it runs.  A file DIRECTORY/restart
asks for a restart, as `systemctl restart` would: SIGTERM, then a new start with the same store.  DIRECTORY/spoil, "NAME HOW": before the
next start, what is stored under that name is no more what it was."""
import array, os, select, signal, socket, sys, time

folder, watchdog, cgroup, command = sys.argv[1], float(sys.argv[2]), sys.argv[3], sys.argv[4:]
os.makedirs(cgroup, exist_ok=True)
listener = socket.socket(socket.AF_UNIX)
listener.bind(folder + "/control")
os.chmod(folder + "/control", 0o600)
listener.listen(16)
notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notices.bind(folder + "/notify")
notices.setblocking(False)
said = open(folder + "/said", "w", buffering=1)
starts = open(folder + "/starts", "w", buffering=1)
store = {}


def start():
    fds = [("sluice.socket", listener.fileno())] + list(store.items())
    pid = os.fork()
    if pid:
        starts.write("%d with %s\n" % (pid, " ".join(name for name, _ in fds)))
        return pid
    with open(cgroup + "/cgroup.procs", "w") as procs:
        procs.write("0")
    # Out of the way of 3, 4, ... first.
    moved = [os.dup2(fd, 100 + i, True) for i, (_, fd) in enumerate(fds)]
    for i, fd in enumerate(moved):
        os.dup2(fd, 3 + i, True)
        os.close(fd)
    os.environ.update(NOTIFY_SOCKET=folder + "/notify", LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)),
                      LISTEN_FDNAMES=":".join(name for name, _ in fds))
    if watchdog:
        os.environ.update(WATCHDOG_PID=str(os.getpid()), WATCHDOG_USEC=str(int(watchdog * 1000000)))
    os.execv(command[0], command)


def listen():
    while True:
        try:
            text, rights, _, _ = notices.recvmsg(4096, socket.CMSG_SPACE(4 * 16))
        except BlockingIOError:
            return
        fds = array.array("i")
        for level, kind, data in rights:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(data[: len(data) // 4 * 4])
        said.write(text.decode().replace("\n", " ") + "\n")
        lines = dict(line.split("=", 1) for line in text.decode().split("\n") if "=" in line)
        name = lines.get("FDNAME", "")
        if "FDSTOREREMOVE" in lines and name in store:
            os.close(store.pop(name))
        if "FDSTORE" in lines and fds:
            store[name] = fds[0]


def spoil():
    """gone, short, zero, random, late (random behind the first 4096 bytes), or a pipe in its place."""
    if not os.path.exists(folder + "/spoil"):
        return
    with open(folder + "/spoil") as file:
        name, how = file.read().split()
    os.unlink(folder + "/spoil")
    fd = store[name]
    size = os.fstat(fd).st_size
    if how in ("gone", "pipe"):
        os.close(store.pop(name))
    if how == "pipe":
        store[name] = os.pipe()[0]
    elif how == "short":
        os.ftruncate(fd, min(size, 100) // 2)
    elif how == "zero":
        os.ftruncate(fd, 0)
        os.ftruncate(fd, size)
    elif how in ("random", "late"):
        os.pwrite(fd, os.urandom(4096), 4096 if how == "late" else 0)


select.select([listener], [], [])
child = start()
while True:
    select.select([notices], [], [], 0.05)
    listen()
    done, status = os.waitpid(child, os.WNOHANG)
    again = os.path.exists(folder + "/restart")
    if not done and again:
        os.unlink(folder + "/restart")
        os.kill(child, signal.SIGTERM)
        done, status = os.waitpid(child, 0)
        listen()
    if done and not again and os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
        said.write("ENDED\n")
        sys.exit(0)
    if done:
        with open(cgroup + "/cgroup.kill", "w") as kill: # what is left of it
            kill.write("1")
        time.sleep(0.2)
        spoil()
        child = start()
