# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-3.0-or-later
title='AF_VSOCK to the hypervisor'
origin='RESEARCH §2.72'
cannot='a virtual machine has one host, not one for each namespace, and this one answers nothing; sluice run --isolate and containers leave the address family to seccomp'
