# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A wildcard over a public suffix, the private section too' origin='RESEARCH §2.36'
cannot='sluice check refuses such an entry: tests/policy/bad and tests/unit/test_policy.c'
