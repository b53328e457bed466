# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A connection that is faster than the binding of its name' origin='RESEARCH §2.42'
cannot='not an attack: it would refuse what is allowed. Every allowed fetch of this run connects as soon as its answer is there'
