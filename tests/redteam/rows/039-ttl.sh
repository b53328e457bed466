# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='TTLs of 0 and 2³¹, answers of thousands of addresses' origin='RESEARCH §2.39'
cannot='a lifetime shows after hours: tests/unit/test_binding.c has the clock in its hand; 128 addresses an answer: tests/unit/test_answer.c'
