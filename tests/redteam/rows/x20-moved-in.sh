# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-3.0-or-later
title='A process that is moved into the scope with an open socket'
origin='issue 4'
cannot='not held: a socket keeps the cgroup in which it was made (SECURITY.md); sluice run starts its command inside and closes what it inherited (076a)'
