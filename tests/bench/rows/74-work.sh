#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2154,SC2329
# A build's own work, which asks nothing of the network: make -j2 of 200 C files, 200,000 small writes, 3,000 files read.  Timed inside
# the command, so without the start of `sluice run`.
source "$(dirname "$0")/../bed.sh"
FILES=200 WRITES=200000 READS=3000
[ -z "${BENCH_SHORT:-}" ] || { FILES=4 WRITES=1000 READS=100; }
W=$T/build

sources() {
    local i
    mkdir -p "$W/read" && chmod 777 "$W" "$W/read"
    for ((i = 0; i < FILES; i++)); do
        printf '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint f%d(int a);\nint f%d(int a)\n{\n    char b[64];\n    snprintf(b, sizeof b, "%%d", a);\n    return (int)strlen(b) + atoi(b) + %d;\n}\n' \
            "$i" "$i" "$i" > "$W/f$i.c"
    done
    printf 'SOURCES := $(wildcard *.c)\nall: $(SOURCES:.c=.o)\n%%.o: %%.c\n\t@cc -O1 -c -o $@ $<\n' > "$W/Makefile"
    for ((i = 0; i < READS; i++)); do head -c 4096 /dev/urandom > "$W/read/$i"; done
    cat > "$W/timed.py" << 'PYTHON'
import os, subprocess, sys, time
what, count = sys.argv[1], int(sys.argv[2])
if what == "make":
    for name in os.listdir("."):
        if name.endswith(".o"):
            os.unlink(name)
begin = time.monotonic()
if what == "make":
    subprocess.run(["make", "-s", "-j2"], check=True)
elif what == "writes":
    fd = os.open("out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for _ in range(count):
        os.write(fd, b"a small piece of text\n")
    os.close(fd)
else:
    for i in range(count):
        fd = os.open("read/%d" % i, os.O_RDONLY)
        os.read(fd, 4096)
        os.close(fd)
print("%.3f" % ((time.monotonic() - begin) * 1000))
PYTHON
}
timed() {
    local what=$1 count=$2 took
    if [ "$3" = none ]; then
        took=$(cd "$W" && h c setpriv --reuid=65534 --regid=65534 --clear-groups "$PYTHON" timed.py "$what" "$count")
    else
        took=$(cd "$W" && h c env SUDO_UID=65534 SUDO_GID=65534 SUDO_USER=nobody "$SLUICE" run -- "$PYTHON" timed.py "$what" "$count" 2> "$T/err") ||
            { cat "$T/err" >&2 && give_up "$what inside sluice run"; }
    fi
    result "work-$what" "$3" "$took" ms
}
measure() {
    timed make $FILES "$1"
    timed writes $WRITES "$1"
    timed reads $READS "$1"
}

command -v make > /dev/null && command -v cc > /dev/null || { note work-make "skipped: no make or no C compiler here" && exit 0; }
chmod 711 "$T"
bench_bed
form output
sources
timed make $FILES none > /dev/null # what it reads is in memory from now on
timed reads $READS none > /dev/null
for ((round = 0; round < ROUNDS; round++)); do
    if [ $((round % 2)) = 0 ]; then order=(none run); else order=(run none); fi
    for VARIANT in "${order[@]}"; do undisturbed measure; done
done
