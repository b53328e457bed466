# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-3.0-or-later
title='An upload to an allowed service'
origin='RESEARCH §2.79'
cannot='out of scope: what an allowed place accepts is allowed traffic (SECURITY.md)'
