#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2034
# Resolvers and the options of resolv.conf through the gate, see legit.sh.  CASES: only these.
CASES=${CASES:-resolve resolve_options}
. "$(dirname "$0")/legit.sh"
