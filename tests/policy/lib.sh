# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-3.0-or-later
# What the scripts here share: the program, and a place to work in.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
sluice=$(realpath "${SLUICE:-$root/build/sluice}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0 count=0
