#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# make install and uninstall, in a staging folder: what is there, where Debian looks, and nothing anywhere else.
#
#     SLUICE=build/sluice tests/install/test_install.sh
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root" || exit 1
sluice=$(realpath "${SLUICE:-build/sluice}")
build=$(realpath --relative-to=. "$(dirname "$sluice")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0
ok() { passed=$((passed + 1)) && echo "ok   $1"; }
fail() {
    failed=$((failed + 1)) && echo "FAIL $1"
    [ ! -s "${2:-}" ] || head -n 20 "$2" | cut -c 1-200 | sed 's/^/     | /'
}
check() { # WHAT COMMAND...
    local what=$1
    shift
    if "$@" > "$work/said" 2>&1; then ok "$what"; else fail "$what" "$work/said"; fi
}
mk() { env -u MAKEFLAGS -u MAKELEVEL make --no-print-directory BUILD="$build" "$@"; }

umask 077 # of a careful root: what is installed must be readable all the same
: > "$work/before"
sleep 1.1
for prefix in /usr/local /usr; do
    at=$work/stage$prefix
    check "$prefix: make install" mk install DESTDIR="$work/stage" PREFIX=$prefix
    check "$prefix: the program runs" "$at/bin/sluice" --version
    same() { cmp "$sluice" "$at/bin/sluice"; }
    check "$prefix: it is the one that was built" same
    manual() { # each page is found by man, by its name and section
        local c s
        while read -r c s; do [ "$(man -M "$at/share/man" -w "$s" "$c")" = "$at/share/man/man$s/$c.$s" ] || { echo "$c($s)" && return 1; }; done < <(
            printf '%s\n' 'sluice 8' 'sluice-policy 5' 'sluice-events 5'
            "$sluice" help --json | jq -r '.commands[] | "sluice-\(.name) \(.section)"'
        )
        LC_ALL=C.UTF-8 man -M "$at/share/man" sluice-run | grep -q 'run one command, and let it reach only what is allowed'
    }
    check "$prefix: man finds every page" manual
    zsh=site-functions
    [ $prefix != /usr ] || zsh=vendor-completions
    for file in share/bash-completion/completions/sluice share/zsh/$zsh/_sluice share/fish/vendor_completions.d/sluice.fish \
        share/doc/sluice/README.md share/doc/sluice/policy.md share/doc/sluice/deploy.md share/doc/sluice/LICENSE share/doc/sluice/examples/policy.yaml; do
        check "$prefix: $file" test -s "$at/$file"
    done
    check "$prefix: the example is a good policy" "$at/bin/sluice" check "$at/share/doc/sluice/examples/policy.yaml"
    for unit in deploy/systemd/*; do
        [ -f "$unit" ] && [[ $unit != *.md ]] || continue
        found=$(find "$at/lib" -type f \( -name "$(basename "$unit")" -o -name sluice.conf \) | head -n 1)
        check "$prefix: $unit is there" test -s "$found"
        others() { ! grep -E '/s?bin/sluice\b|@BINDIR@' "$found" | grep -vE "(^|[^/a-z])$prefix/bin/sluice"; }
        check "$prefix: $unit names the program where it is" others
    done
    find "$at" \( -type f ! -perm -444 \) -o \( -type d ! -perm -555 \) > "$work/unreadable"
    check "$prefix: readable by everyone" test ! -s "$work/unreadable"
    find "$at" -type f -perm -111 ! -path "$at/bin/sluice" > "$work/programs"
    check "$prefix: one program, the rest is data" test ! -s "$work/programs"
    check "$prefix: make uninstall" mk uninstall DESTDIR="$work/stage" PREFIX=$prefix
    find "$work/stage" ! -type d > "$work/left"
    [ -s "$work/left" ] && fail "$prefix: uninstall leaves nothing" "$work/left" || ok "$prefix: uninstall leaves nothing"
    check "$prefix: nor a folder of its own" test ! -e "$at/share/doc/sluice"
done
find /usr/local /usr/bin /usr/sbin /usr/share/man /usr/share/doc/sluice /etc -xdev -newer "$work/before" -path '*sluice*' > "$work/outside" 2> /dev/null
[ -s "$work/outside" ] && fail "nothing outside of DESTDIR" "$work/outside" || ok "nothing outside of DESTDIR"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
