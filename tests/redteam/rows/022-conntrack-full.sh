# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-3.0-or-later
title='The connection table of the kernel filled up'
origin='RESEARCH §2.22'
cannot='its size is one number for the whole machine, not one for each namespace: the test would starve the machine that runs it'
