# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-3.0-or-later
title='A helper of conntrack (FTP, SIP) that expects a connection'
origin='RESEARCH §2.69'
cannot='since Linux 6.0 no helper watches a connection unless a rule says so, and the gate has none; what a helper of somebody else expects is judged as any new connection'
