#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# More search domains than a scope may have.
printf "version: 1\nresolvers: [192.0.2.53]\nprofiles: { node: {} }\nscopes:\n  - name: a\n    match: { cgroup: /a }\n    profile: node\n    search_domains:\n"
seq 65 | sed "s/.*/      - n&.example/"
