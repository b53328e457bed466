# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A socket below a mask, by the directory in which the job starts'
origin='found here'
reason='silent: the job enters its directory by the name, below which there is none'
forms=run verdict=masked
prepare() { h c mkdir -p /run/user/65534/bus && engine /run/user/65534/bus/socket && h c chmod -R a+rX /run/user; }
# `client` enters the host in the directory that is current: that of the machine, in which there is none.
attack() {
    local as=(env SUDO_UID=65534 SUDO_GID=65534 "$SLUICE" run -p "$T/run.yaml" --profile test --events "$T/events" --)
    [ "$FORM" = run ] || as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    h c sh -c 'cd /run/user/65534/bus && exec "$@"' sh "${as[@]}" "$PYTHON" "$TOOL/send.py" local ./socket "$1"
}
