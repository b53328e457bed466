# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='io_uring, under sluice run' origin='RESEARCH §6, cijail'
reason='silent: sluice run takes io_uring away' verdict=ENOSYS forms=run
attack() { tool sockets.py uring 198.18.3.66 9999 "$1"; }
