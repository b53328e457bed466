# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-3.0-or-later
title='A new connection to an address whose binding has expired'
origin='RESEARCH §2.21'
cannot='a binding lives for five minutes at least, and an hour of grace; tests/unit/test_binding.c has a clock of its own'
