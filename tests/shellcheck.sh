#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Every shell script of the project, by shellcheck; a count as every suite has.
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0
for file in $(grep -rlE -m 1 '^(#!/(bin|usr/bin)/(env )?(ba)?sh|# shellcheck shell)' .ci tests deploy --include='*' 2> /dev/null | sort); do
    if shellcheck -S warning "$file"; then passed=$((passed + 1)); else failed=$((failed + 1)) && echo "FAIL $file"; fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
