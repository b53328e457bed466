# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Names that a terminal would obey and a log would split at'
origin='RESEARCH §2.78'
reason='dns_name_form'
forms='output forward run'
attack() { tool send.py label 198.18.2.53 "$1"; }
# Should such a byte stand in the events, it has arrived too.
arrived() { { gate_on && grep -aqP '[\x00-\x09\x0b-\x1f\x7f-\xff]' "$T/events"; } || grep -aq "$1" "$T/a.pcap"; }
