#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2016,SC2034,SC2154,SC2329
# `sluice run -- true` beside `true`: under sudo (the command as the caller), and as root (in a network namespace of its own).
source "$(dirname "$0")/../bed.sh"
TIMES=${TIMES:-10}
[ -z "${BENCH_SHORT:-}" ] || TIMES=1

# once COMMAND...: milliseconds, with microseconds behind the point, begun in the client's namespaces.
once() {
    h c "$PYTHON" - "$@" << 'PYTHON'
import subprocess, sys, time
begin = time.monotonic()
status = subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL).returncode
print("%.3f" % ((time.monotonic() - begin) * 1000) if status == 0 else "failed")
PYTHON
}
measure() {
    local i took
    for ((i = 0; i < TIMES; i++)); do
        case $1 in
        none) took=$(once true) ;;
        sudo) took=$(once env SUDO_UID=65534 SUDO_GID=65534 SUDO_USER=nobody "$SLUICE" run -- true) ;;
        root) took=$(once env -u SUDO_UID "$SLUICE" run -- true) ;;
        esac
        [ "$took" != failed ] || give_up "$1 failed"
        result run-true "$1" "$took" ms
    done
}

bench_bed
form output
for ((round = 0; round < ROUNDS; round++)); do
    for VARIANT in none sudo root; do undisturbed measure; done
done
