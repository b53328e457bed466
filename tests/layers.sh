#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Includes go downward only (DESIGN s5): core ← policy, dns, tls, http, nft (which never include each other) ← nfq (not nft) ← ctl.
# Reads the #include "folder/…" lines; prints each that breaks the rule, and a count as every suite does.
cd "$(dirname "$0")/.." || exit 1

may() {
    case $1 in
    core) echo core ;;
    policy | dns | tls | http | nft) echo "core $1" ;;
    nfq) echo "core policy dns tls http nfq" ;;
    ctl) echo "core policy dns tls http nft nfq ctl" ;;
    esac
}

passed=0 failed=0
for folder in core policy dns tls http nft nfq ctl; do
    bad=
    for file in "$folder"/*.[ch]; do
        [ -e "$file" ] || continue
        targets=$(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$file")
        for target in $targets; do
            case " $(may $folder) " in
            *" ${target%%/*} "*) [ -e "$target" ] || bad="$bad  $file includes $target, which is not there;" ;;
            *) bad="$bad  $file may not include $target;" ;;
            esac
        done
    done
    if [ -z "$bad" ]; then
        passed=$((passed + 1))
        echo "ok   $folder includes only $(may $folder)"
    else
        failed=$((failed + 1))
        echo "FAIL $folder:$bad"
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
