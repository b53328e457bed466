# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='An abstract unix socket of a process outside'
origin='issue 4'
reason='silent: it is in another network'
forms=run who=root verdict=masked
prepare() { engine @engine; }
attack() { tool send.py local @engine "$1"; }
