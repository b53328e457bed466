# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
# dnsmasq as a filter, answering from its cache.
source "$HERE/rivals/dnsmasq.sh"
rival_kind=dns
rival_caches=yes
