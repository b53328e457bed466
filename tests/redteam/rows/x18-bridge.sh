# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-3.0-or-later
title='A container on a bridge of an engine (docker0, br-…)'
origin='issue 4'
cannot='tests/netns/test_forward.sh holds scopes by interface; the rows here run in the forward form as root of a host of its own, which is what a container is to its bridge'
