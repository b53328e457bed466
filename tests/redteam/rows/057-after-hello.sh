# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A hello of an allowed name, then something else than TLS' origin='RESEARCH §2.57'
cannot='it goes to the allowed place, which is what its name allows: SECURITY.md, "Bytes of a flow after its verdict"'
