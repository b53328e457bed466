# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='Broken answers of a stranger in the name of the resolver: two questions, endless names, lengths that do not fit' origin='RESEARCH §6, bullfrog; §2.41'
reason='dns_answer_unasked|answer_forged|not_resolved'
prepare() { h g sh -c 'for i in all default gc gs ga; do echo 0 > /proc/sys/net/ipv4/conf/$i/rp_filter; done'; }
attack() {
    client timeout 2 dig -b 198.18.1.2#5353 +tries=1 +timeout=1 @198.18.2.53 slow.test > /dev/null &
    sleep 0.2
    h a "$PYTHON" "$TOOL/dnswire.py" stranger "$1" 8 broken
    client curl -sk --max-time 1 --resolve slow.test:443:198.18.3.66 "https://slow.test/$1"
    wait $!
}
