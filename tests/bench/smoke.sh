#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The benchmark works: its core rows, as short as can be.  No figure is looked at but for being there and above nothing, and in every
# variant the clients got their answers.  SLUICE, BUILD; SMOKE: which rows.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(realpath -m "${BUILD:-build}")
SMOKE=${SMOKE:-^[1-6][0-9]-}
passed=0 failed=0
ok() { passed=$((passed + 1)) && echo "ok   $*"; }
bad() { failed=$((failed + 1)) && echo "FAIL $*"; }
if [ "$(id -u)" != 0 ]; then
    echo "skip the benchmark: needs root"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
D=$(mktemp -d "${TMPDIR:-/tmp}/sluice-bench.XXXXXX")
trap 'rm -rf "$D"' EXIT
mkdir "$D/raw"

# Without rivals, which are unpacked for the benchmark alone.
BUILD=$BUILD BENCH_SHORT=1 RIVAL_ROUNDS=0 RAW=$D/raw RESULTS=$D/results tests/bench/run "$SMOKE" > "$D/out" 2>&1
status=$?
[ $status = 0 ] && ok "the rows run" || bad "the rows run: status $status: $(grep -v '^  ' "$D/out" | tail -n 5)"
for row in tests/bench/rows/*.sh; do
    name=$(basename "$row" .sh)
    [[ $name =~ $SMOKE ]] || continue
    # A machine that does something else for a tenth of a second measures nothing: then again, for longer.
    for msec in 1000 2000 4000; do
        grep -qE '^result .* (-[0-9.]+|0(\.0*)?) ' "$D/raw/$name" || break
        BUILD=$BUILD MSEC=$msec ROUNDS=1 WARM=100 RIVAL_ROUNDS=0 RAW=$D/again RESULTS=$D/again.results tests/bench/run "^$name" > "$D/out" 2>&1
        [ ! -s "$D/again/$name" ] || cp "$D/again/$name" "$D/raw/$name"
    done
    variants=$(sed -n 's/^ *rounds [a-z_]* //p' "$row" | tr ' ' '\n' | sort -u)
    for variant in $variants; do
        if awk -v v="$variant" '$1 == "result" && $3 == v {n++; if ($4 <= 0) zero++} END {exit !(n && !zero)}' "$D/raw/$name"; then
            ok "$name: $variant"
        else
            bad "$name: $variant: $(grep -E "^(result|note) [^ ]+ $variant" "$D/raw/$name" | head -n 3)"
        fi
    done
    if lost=$(grep -E '^note .* [1-9][0-9]* failed|^note .* refused [1-9]' "$D/raw/$name"); then bad "$name: answers: $lost"; fi
done
/usr/bin/python3 - "$D/results" << 'PYTHON' && ok "the report: JSON, Markdown, pictures" || bad "the report"
import glob, json, sys, xml.dom.minidom
facts = json.load(open(sys.argv[1] + "/bench.json"))
assert facts["rows"] and facts["targets"]
assert open(sys.argv[1] + "/bench.md").read().count("|") > 100
pictures = glob.glob(sys.argv[1] + "/*.svg")
assert len(pictures) > 1
for picture in pictures:
    xml.dom.minidom.parse(picture)
PYTHON
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
