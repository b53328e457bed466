# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='sendfile: the file changes after its bytes were judged'
origin='DESIGN law 1'
reason='silent: the judged bytes are sent, and sent again'
sink=s verdict='judged bytes only'
attack() { tool tcp.py changed_file "$1"; }
arrived() { name_arrived "$1"; }
