# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
# dnsmasq as a filter: forwards allowed names, knows no server for the others (REFUSED).
source "$HERE/rivals.sh"
rival_kind=dns
rival_version() { dnsmasq -v | sed -n 's/^Dnsmasq version \([^ ]*\) .*/dnsmasq \1/p'; }
rival_start() {
    local cache=0
    [ $rival_caches = no ] || cache=10000
    {
        printf '%s\n' no-resolv no-hosts no-negcache user=root pid-file= port=$RIVAL_PORT dns-forward-max=10000 cache-size=$cache
        rival_allowed | sed 's,.*,server=/&/198.18.2.53,'
    } > "$WORK/dnsmasq.conf"
    rival_spawn g dnsmasq -k -C "$WORK/dnsmasq.conf"
}
