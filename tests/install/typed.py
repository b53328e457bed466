#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types into a real shell on a terminal: typed.py SETUP SHELL [ARG]... < ROWS

Each row of standard input is "typed<TAB>words": what is typed before the tab key is pressed, and the words that must then
stand on the line, divided by single blanks.  The line is not run: it is made the arguments of a printf that shows them.
SETUP is typed first.  Prints a line a row; status 1: some were wrong."""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

SECONDS = 20 * int(os.environ.get("SLOW", "1"))


class Shell:
    def __init__(self, setup, argv):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp(argv[0], argv)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 400, 0, 0))
        self.rows = 0
        self.say(setup + "\n")
        self.wait("printf 'rea%s\\n' dy1\n", "ready1")

    def say(self, text):
        os.write(self.fd, text.encode())

    def read(self, seconds):
        ready, _, _ = select.select([self.fd], [], [], seconds)
        return os.read(self.fd, 65536).decode(errors="replace") if ready else ""

    def wait(self, text, marker):
        """What the shell writes up to the marker, which what is typed does not hold."""
        self.say(text)
        seen, until = "", time.monotonic() + SECONDS
        while marker not in seen and time.monotonic() < until:
            seen += self.read(0.2)
        return seen

    def complete(self, typed, seconds):
        """The tab key's work is over when the terminal has been quiet for so long; then the line is shown as words."""
        self.rows += 1
        self.say(typed)
        self.quiet(seconds / 2)
        self.say("\t")
        self.quiet(seconds)
        first, last = f"<begin{self.rows}>", f"<end{self.rows}>"
        self.say(f"\x05 end{self.rows}\x01printf '<%s>' begin{self.rows} ")
        seen = self.wait("\n", last) + self.wait(f"printf 'rea%s\\n' dy{self.rows + 1}\n", f"ready{self.rows + 1}")
        line = seen.split(first, 1)[-1].split(last)[0]
        words = []
        while line.startswith("<") and ">" in line:
            word, line = line[1:].split(">", 1)
            words.append(word)
        return words, seen

    def quiet(self, seconds):
        until = time.monotonic() + SECONDS
        while self.read(seconds) and time.monotonic() < until:
            pass

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def main():
    shell, wrong = Shell(sys.argv[1], sys.argv[2:]), 0
    for row in sys.stdin:
        typed, words = row.rstrip("\n").split("\t")
        for seconds in 0.4, 1, 4:  # a busy machine makes a shell look done that is not
            got, seen = shell.complete(typed, seconds)
            good = got == words.split(" ")
            if good:
                break
        wrong += not good
        print(f"{'ok  ' if good else 'FAIL'} {os.path.basename(sys.argv[2])}: {typed}<TAB>  ->  {' '.join(got)}{'' if good else '   expected: ' + words}", flush=True)
        if not good and os.environ.get("V"):
            print(repr(seen))
    shell.close()
    return 1 if wrong else 0


sys.exit(main())
