#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2034
# git and apt through the gate, see legit.sh.  CASES: only these.
CASES=${CASES:-git_https git_http git_big_https git_big_http git_daemon git_ssh apt}
. "$(dirname "$0")/legit.sh"
