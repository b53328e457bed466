# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
# sslsplit: ends TLS and begins it anew.
source "$HERE/rivals.sh"
rival_kind=intercept
rival_refuses=no
SSLSPLIT=$(rival_tool sslsplit sslsplit/usr/bin/sslsplit)
rival_version() { h g "$SSLSPLIT" -V 2>&1 | sed -n 's/^SSLsplit \([^ ]*\) .*/sslsplit \1/p'; }
rival_note() { echo "it knows no allowlist and refuses nothing: what interception alone costs. It does not set TCP_NODELAY: 40 ms as sniproxy"; }
rival_start() {
    rival_authority
    rival_spawn g "$SSLSPLIT" -k "$WORK/rival-ca.key" -c "$TRUST" -K "$WORK/rival-leaf.key" -l /dev/null -e netfilter ssl 0.0.0.0 $RIVAL_PORT
}
