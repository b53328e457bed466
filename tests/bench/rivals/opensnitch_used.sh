# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
# opensnitch on a host that made 20,000 connections within the last minute: they are in the kernel's table, and it reads that whole.
source "$HERE/rivals/opensnitch.sh"
rival_kind=host_used
opensnitch_before() {
    local tries
    for tries in {1..20}; do
        [ "$(h c ss -tanH state time-wait | wc -l)" -lt 20000 ] || return 0
        h c "$BENCH/web_load" -a 198.18.2.80 -P 80 -b 0 -s 200 -w 0 rate > /dev/null || return 1
    done
}
