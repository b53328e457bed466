#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2034
# A headless browser through the gate, see legit.sh.  Chromium and Firefox put a GREASE ECH into each hello: ech: outer.  CASES: only these.
CASES=${CASES:-chromium}
PROFILE_MORE='ech: outer'
. "$(dirname "$0")/legit.sh"
