# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='An allowed server name with another Host inside TLS' origin='RESEARCH §2.55'
cannot='nothing outside of TLS tells it apart: SECURITY.md says so; path rules with inspection come later'
