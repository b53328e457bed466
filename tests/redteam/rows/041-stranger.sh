# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# A stranger who can send in the resolver's name answers a question that the job left open (its server is slow), trying ids.
title='A forged answer of a stranger, in the name of the resolver' origin='RESEARCH §2.41; §6, bullfrog'
reason='answer_forged|dns_answer_unasked'
prepare() { h g sh -c 'for i in all default gc gs ga; do echo 0 > /proc/sys/net/ipv4/conf/$i/rp_filter; done'; }
attack() {
    client timeout 2 dig -b 198.18.1.2#5353 +tries=1 +timeout=1 @198.18.2.53 slow.test > /dev/null &
    sleep 0.2
    h a "$PYTHON" "$TOOL/dnswire.py" stranger "$1" 20
    client curl -sk --max-time 1 --resolve slow.test:443:198.18.3.66 "https://slow.test/$1"
    wait $!
}
