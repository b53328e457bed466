#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1091,SC2034
# Web clients of builds through the gate, see legit.sh.  CASES: only these.
CASES=${CASES:-curl curl_upload curl_parallel curl_download wget busybox openssl python pools node java go}
. "$(dirname "$0")/legit.sh"
