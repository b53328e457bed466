#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The runner's stand-in: a job again and again, which fetches what it needs and tries what a poisoned package would.
while :; do
    for url in https://github.com/ https://registry.example/ https://files.example/ https://evil.example/stolen https://198.18.9.2/by-address; do
        status=0
        curl -sS --cacert /run/web.pem --max-time 8 -o /dev/null "$url" 2> /dev/null || status=$?
        echo "$url $status" >> /run/job-log
    done
    sleep 0.3
done
