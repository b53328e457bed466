# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A flood while the judge stands still'
origin='RESEARCH §2.23; kernel commit fdb694a0'
reason='not_resolved'
attack() {
    local judge=
    [ "$FORM" = '' ] || judge=$(role_pid inspect)
    [ -z "$judge" ] || kill -STOP $judge
    tool send.py flood 198.18.3.66 9999 "$1" 4000
    [ -z "$judge" ] || kill -CONT $judge
}
