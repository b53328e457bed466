#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# 65 MiB of entries: refused before it is read.
printf "version: 1\nprofiles:\n  node:\n    allow:\n"
yes "      - registry.example" | head -c 68157440
