# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# The server drops the hello that was judged (its timestamp is old by then), and the client writes the answer to it itself.
title='A hello that the server drops, its answer written by the client in the name of the server, then the real hello'
origin='found here'
reason=answer_forged
who=cap sink=s forms=forward
prepare() { strangers_pass; }
attack() { tool tcp.py answers_itself "$1" "$(h g ip -br link show gc | awk '{print $3}')"; }
arrived() { name_arrived "$1"; }
