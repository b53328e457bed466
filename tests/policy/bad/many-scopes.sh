#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# More scopes than connection marks can tell apart.
printf "version: 1\nresolvers: [192.0.2.53]\nprofiles: { node: {} }\nmark_mask: 0xff\nscopes:\n"
seq -f "  - { name: s%g, match: { cgroup: /s%g }, profile: node }" 100 2>/dev/null || seq 100 | sed "s/.*/  - { name: s&, match: { cgroup: \/s& }, profile: node }/"
