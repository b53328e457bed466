#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# 20,000 keys in one mapping.
printf "version: 1\nprofiles:\n"
seq -f "  p%g: {}" 20000
