#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The inspector's worker with real queues, in a network namespace of the test program's own; root.  BUILD: where its objects go.
set -eu
cd "$(dirname "$0")/../.."
BUILD=${BUILD:-build}
if [ "$(id -u)" != 0 ]; then
    echo "skip worker: needs root"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
mkdir -p "$BUILD/netns"
# Not the library: the test brings a judge of its own.
# shellcheck disable=SC2046  # flags are words
"${CC:-gcc}" -I. -D_GNU_SOURCE -std=gnu17 -g -O1 -Wall -Wextra ${TESTFLAGS:-} -o "$BUILD/netns/worker_driver.$$" \
    tests/netns/worker_{driver,judge,rules}.c \
    nfq/{worker,verdict,receive,output,queue,packet,packet_build,checksum}.c core/*.c \
    $(pkg-config --cflags --libs libnetfilter_queue libmnl libnftnl liburcu-qsbr libidn2 jansson) -lpthread
mv -f "$BUILD/netns/worker_driver.$$" "$BUILD/netns/worker_driver"
exec timeout 300 "$BUILD/netns/worker_driver"
