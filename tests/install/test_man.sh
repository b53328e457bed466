#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The man pages: made from the command table, complete, without a warning of groff's or mandoc's, with examples that are true.
#
#     SLUICE=build/sluice tests/install/test_man.sh
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
sluice=$(realpath "${SLUICE:-$root/build/sluice}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
ok() { passed=$((passed + 1)) && echo "ok   $1"; }
fail() {
    failed=$((failed + 1)) && echo "FAIL $1"
    [ ! -s "${2:-}" ] || head -n 20 "$2" | cut -c 1-200 | sed 's/^/     | /'
}
check() { # WHAT COMMAND...: its output is empty and its status 0
    local what=$1
    shift
    if "$@" > "$work/said" 2>&1 && [ ! -s "$work/said" ]; then ok "$what"; else fail "$what" "$work/said"; fi
}

check "the generator runs" "$root/deploy/man/generate" "$sluice" "$work/man"
# shellcheck disable=SC2069  # its warnings alone
groff_warnings() { for page in "$work"/man/*; do LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 > /dev/null; done; }
check "no warning of groff's" groff_warnings
lint() { mandoc -Tlint -W style "$work"/man/*; }
check "no word of mandoc's lint" lint
same() { SOURCE_DATE_EPOCH=1700000000 "$root/deploy/man/generate" "$sluice" "$work/one" && SOURCE_DATE_EPOCH=1700000000 "$root/deploy/man/generate" "$sluice" "$work/two" && diff -r "$work/one" "$work/two" && grep -L '"2023-11-14"' "$work"/one/*; }
check "two runs make the same bytes, dated by SOURCE_DATE_EPOCH" same

for page in "$work"/man/*; do mandoc -Tutf8 -O width=200 "$page" | sed 's/.\x08//g' > "$work/$(basename "$page").txt"; done
"$sluice" help --json > "$work/table.json"
cat > "$work/check.py" << 'PYTHON'
import json, os, re, shlex, subprocess, sys
what, root, sluice, work = sys.argv[1:]
table = json.load(open(work + "/table.json"))
pages = sorted(os.listdir(work + "/man"))
text = {p: " ".join(open(f"{work}/{p}.txt").read().replace("\u2010", "-").split()) for p in pages}
page_of = {c["name"]: f"sluice-{c['name']}.{c['section']}" for c in table["commands"]}


def examples(page):
    source = open(f"{work}/man/{page}").read()
    for block in re.findall(r"^\.nf\n(.*?)^\.fi$", source, re.S | re.M):
        for a, b in {"\\(aq": "'", "\\(ha": "^", "\\(ti": "~", "\\(ga": "`", "\\&": "", "\\-": "-", "\\e": "\\"}.items():
            block = block.replace(a, b)
        yield block


if what == "pages":
    wanted = sorted(list(page_of.values()) + ["sluice.8", "sluice-policy.5", "sluice-events.5"])
    if pages != wanted:
        print("pages:", pages, "wanted:", wanted)
    for prose in os.listdir(root + "/deploy/man"):
        if prose.endswith(".md") and prose[:-3] not in list(page_of) + ["sluice", "sluice-events"]:
            print("deploy/man/" + prose, "belongs to no page")
elif what == "options":
    count = 0
    for c in table["commands"]:
        page = text[page_of[c["name"]]]
        for word in [c["summary"], c["text"], c["usage"]] + [e["text"] for e in c["exits"]]:
            if " ".join(word.split()) not in page:
                print(page_of[c["name"]], "does not say:", word)
        for o in c["options"]:
            count += 1
            line = ", ".join(o["names"]) + (" " + o["argument"]["name"] if o["argument"] else "") + " " + o["text"]
            if " ".join(line.split()) not in page:
                print(page_of[c["name"]], "does not say:", line)
        if f"sluice-{c['name']}({c['section']}) {' '.join(c['summary'].split())}" not in text["sluice.8"]:
            print("sluice.8 does not list", c["name"])
    if len(table["commands"]) < 8 or count < 20:
        print("only", len(table["commands"]), "commands and", count, "options")
elif what == "see":
    for p in pages:
        for name, section in re.findall(r"\b(sluice(?:-[a-z]+)?)\((\d)\)", text[p]):
            if f"{name}.{section}" not in pages:
                print(p, "names", f"{name}({section}), which is not there")
elif what == "policies":
    count = 0
    for p in pages:
        for block in examples(p):
            if not block.startswith("version: 1"):
                continue
            count += 1
            open(work + "/policy.yaml", "w").write(block)
            ran = subprocess.run([sluice, "check", work + "/policy.yaml"], capture_output=True, text=True, timeout=60)
            if ran.returncode:
                print(p, ran.stderr)
    shown = open(root + "/docs/policy.md").read().count("```yaml\n")
    if count < 7 or count != shown:
        print(count, "policies in the pages,", shown, "in docs/policy.md")
elif what == "commands":
    known, count = {c["name"]: [n for o in c["options"] for n in o["names"]] for c in table["commands"]}, 0
    for p in pages:
        for line in "\n".join(examples(p)).split("\n"):
            found = re.match(r"(?:sudo |\S.*\| )?sluice ([a-z]+)\b([^|]*)", line)
            if not found or line.startswith("sluice:"):
                continue
            count += 1
            words = shlex.split(found[2].split(" -- ")[0], comments=True)
            if found[1] not in known:
                print(p, "shows an unknown command:", line)
            for word in words:
                if word.startswith("-") and word != "-" and word.split("=")[0] not in known.get(found[1], []):
                    print(p, "shows an unknown option:", line)
    if count < 12:
        print("only", count, "commands are shown")
else:  # the closed lists, against the header itself
    header = open(root + "/core/reason.h").read()
    page = open(work + "/man/sluice-events.5").read().replace("\\-", "-")
    section = lambda title: re.search(r"^\.SH " + title + r"\n(.*?)^\.SH", page, re.S | re.M)[1]
    reasons = re.findall(r"REASON\([A-Z0-9_]+,\s*\"([a-z0-9_]+)\",\s*(true|false)", header)[1:]
    shown = re.findall(r"^\.TP\n\\fB([a-z0-9_]+)\\fR\n((?:(?!\.).*\n)*)", section("REASONS"), re.M)
    if [(name, "(attack)" in means) for name, means in shown] != [(n, a == "true") for n, a in reasons] or len(reasons) < 60:
        print("reasons:", sorted(set(n for n, _ in shown) ^ set(n for n, _ in reasons)), len(reasons))
    actions = re.findall(r"ACTION\([A-Z0-9_]+, \"([a-z0-9-]+)\"\)", header)[1:]
    shown = re.findall(r"^\\fB([a-z-]+)\\fR$", section("ACTIONS"), re.M)
    if shown != actions or len(actions) < 8:
        print("actions:", shown, actions)
PYTHON
facts() { python3 -B "$work/check.py" "$1" "$root" "$sluice" "$work"; }
check "a page for each command and no other" facts pages
check "each page has its command's summary, text, usage, options and exit statuses" facts options
check "pages name pages that are there" facts see
check "the policies of the pages pass sluice check, and are all of docs/policy.md" facts policies
check "the commands of the examples, and their options, are known" facts commands
check "sluice-events(5) has core/reason.h's actions and reasons, exactly" facts events
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
