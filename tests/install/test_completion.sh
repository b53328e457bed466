#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Completion in bash, zsh and fish: real shells on a terminal, where the tab key is pressed.
#
#     SLUICE=build/sluice tests/install/test_completion.sh
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
sluice=$(realpath "${SLUICE:-$root/build/sluice}")
TOOLS=$(realpath -m "${TOOLS:-$root/build/tools}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0
mkdir -p "$work/bin" "$work/home" "$work/made"
ln -s "$sluice" "$work/bin/sluice"
export PATH=$work/bin:$PATH HOME=$work/home TERM=xterm LC_ALL=C.UTF-8
cd "$work/home" || exit 1
cat > policy.yaml << 'YAML'
version: 1
profiles: { node: { allow: [registry.example] }, other: {} }
scopes: [{ name: runner, match: { cgroup: /ci.slice }, profile: node }]
YAML
touch capture.pcap

"$root/deploy/completion/generate" "$sluice" "$work/made" || { echo "FAIL the generator" && exit 1; }

# What is typed, and the words that must stand there then.
cat > rows << 'ROWS'
sluice ru	sluice run
sluice run --al	sluice run --allow
sluice import h	sluice import harden-runner
sluice import bullfrog pol	sluice import bullfrog policy.yaml
sluice run --fail-on al	sluice run --fail-on alert
sluice run --ech o	sluice run --ech outer
sluice run -p pol	sluice run -p policy.yaml
sluice run -p policy.yaml --profile no	sluice run -p policy.yaml --profile node
sluice explain policy.yaml --scope ru	sluice explain policy.yaml --scope runner
sluice gate --con	sluice gate --config
sluice gate --config pol	sluice gate --config policy.yaml
sluice replay cap	sluice replay capture.pcap
sluice check --js	sluice check --json
sluice events --verdict would	sluice events --verdict would_deny
sluice sugg	sluice suggest
sluice run --audit -- printe	sluice run --audit -- printenv
sluice help expl	sluice help explain
ROWS

# Every option of the table, and no other, is offered for its command.
"$sluice" help --json | jq -r '.commands[] | [.name] + [.options[].names[] | select(startswith("--"))] + ["--help"] | [.[0], (.[1:] | sort | join(" "))] | @tsv' > table
offered() { # SHELL, "command<TAB>options" lines in the file "offers"
    if diff -u <(sort table) <(sort offers) > "$work/diff"; then
        passed=$((passed + 1)) && echo "ok   $1: offers each command's options, and no other"
    else
        failed=$((failed + 1)) && echo "FAIL $1: offers other options than the table has" && sed 's/^/     | /' "$work/diff"
    fi
}
while IFS=$'\t' read -r command _; do
    # shellcheck disable=SC2016
    bash -c '. "$1"; COMP_WORDS=(sluice "$2" --) COMP_CWORD=2; _sluice; printf "%s\t%s\n" "$2" "$(printf "%s\n" "${COMPREPLY[@]}" | LC_ALL=C sort | paste -sd " ")"' - "$work/made/sluice" "$command"
done < table > offers
offered bash
while IFS=$'\t' read -r command _; do
    printf '%s\t' "$command"
    sed -n "/^    $command)/,/^        ;;/p" "$work/made/_sluice" | grep -oE "[)'*]--[a-z-]+" | sed 's/^.//' | LC_ALL=C sort -u | paste -sd ' '
done < table > offers
offered zsh

count() { # OUTPUT
    passed=$((passed + $(grep -c '^ok ' "$1"))) failed=$((failed + $(grep -c '^FAIL ' "$1")))
    cat "$1"
    [ -s "$1" ] || { failed=$((failed + 1)) && echo "FAIL nothing was typed"; }
}

# bash, as it is, and with the package bash-completion's loader.
python3 -B "$root/tests/install/typed.py" "source $work/made/sluice; bind 'set enable-bracketed-paste off'" bash --norc --noprofile -i < rows > "$work/out"
count "$work/out"
loader=$(ls "$TOOLS"/bash-completion/usr/share/bash-completion/bash_completion /usr/share/bash-completion/bash_completion 2> /dev/null | head -n 1)
if [ -n "$loader" ]; then
    mkdir -p "$work/share/bash-completion/completions"
    cp "$work/made/sluice" "$work/share/bash-completion/completions/sluice"
    XDG_DATA_DIRS=$work/share python3 -B "$root/tests/install/typed.py" "source $loader; bind 'set enable-bracketed-paste off'" bash --norc --noprofile -i < rows > "$work/out"
    sed -i 's/ bash:/ bash, by bash-completion:/' "$work/out"
    count "$work/out"
else
    skipped=$((skipped + 1)) && echo "skip bash-completion is not here"
fi

zsh=$(command -v zsh || ls "$TOOLS/zsh/bin/zsh" 2> /dev/null)
if [ -n "$zsh" ]; then
    case $zsh in
    "$TOOLS"/*) # unpacked: its modules and functions are not where it looks
        echo "module_path=($(echo "$TOOLS"/zsh/usr/lib/*/zsh/*))" > .zshenv
        echo "fpath=($TOOLS/zsh-common/usr/share/zsh/functions/**/*(/))" >> .zshenv
        ;;
    esac
    echo "fpath=($work/made \$fpath)" >> .zshenv
    ZDOTDIR=$HOME python3 -B "$root/tests/install/typed.py" "bindkey -e; autoload -Uz compinit; compinit -u -D; unset zle_bracketed_paste; PS1='%% '" "$zsh" -d -i < rows > "$work/out"
    count "$work/out"
else
    skipped=$((skipped + 1)) && echo "skip zsh is not here"
fi

fish=$(command -v fish || ls "$TOOLS/fish/usr/bin/fish" 2> /dev/null)
if [ -n "$fish" ]; then
    case $fish in
    "$TOOLS"/*) # unpacked: it finds its own files beside it
        mkdir -p "$work/fish/bin" "$work/fish/share" "$work/fish/etc"
        cp "$fish" "$work/fish/bin/fish"
        cp -r "$TOOLS/fish-common/usr/share/fish" "$work/fish/share/fish"
        cp -r "$TOOLS/fish-common/etc/fish" "$work/fish/etc/fish"
        fish=$work/fish/bin/fish
        LD_LIBRARY_PATH=$(echo "$TOOLS"/libpcre2-32-0/usr/lib/*)
        export LD_LIBRARY_PATH
        ;;
    esac
    mkdir -p .config/fish/completions
    cp "$work/made/sluice.fish" .config/fish/completions/
    # shellcheck disable=SC2016
    while IFS=$'\t' read -r command _; do
        printf '%s\t' "$command"
        "$fish" --private -c 'complete -C "sluice $argv[1] --"' "$command" | cut -f 1 | LC_ALL=C sort | paste -sd ' '
    done < table > offers
    offered fish
    python3 -B "$root/tests/install/typed.py" "set -g fish_autosuggestion_enabled 0; function fish_prompt; echo '> '; end" "$fish" --private -i < rows > "$work/out"
    count "$work/out"
else
    skipped=$((skipped + 1)) && echo "skip fish is not here"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
