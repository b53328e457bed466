# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
# opensnitch, its daemon without a user interface: one rule for the DNS, one for a list of names; everything else is denied.  It finds the
# process of every connection (Debian's package has no eBPF module: by /proc), and remembers which name an address was resolved from.
source "$HERE/rivals.sh"
rival_kind=host
OPENSNITCH=$(rival_tool opensnitchd opensnitch/usr/bin/opensnitchd)
rival_version() { h g "$OPENSNITCH" -version | sed 's/^/opensnitch /'; }
rival_note() { echo "processes found by /proc: Debian's package has no eBPF module; rules by iptables-nft"; }

# opensnitch_rule NAME OPERATOR: allows, and no rule behind it is looked at.
opensnitch_rule() {
    echo '{"created": "2023-01-01T00:00:00Z", "updated": "2023-01-01T00:00:00Z", "name": "'"$1"'", "enabled": true, "precedence": true,
        "action": "allow", "duration": "always", "operator": '"$2"'}' > "$WORK/opensnitch/rules/$1.json"
}

opensnitch_before() { :; }

rival_start() {
    local program
    opensnitch_before || return 1
    mkdir -p "$WORK"/opensnitch/{bin,rules,names}
    for program in iptables ip6tables; do
        ln -sf "$(rival_tool $program-nft iptables/usr/sbin/$program-nft)" "$WORK/opensnitch/bin/$program"
    done
    rival_allowed | sed 's/^/0.0.0.0 /' > "$WORK/opensnitch/names/allowed.txt"
    echo '{"Server": {"Address": "unix:///nonexistent", "LogFile": "/dev/null"}, "DefaultAction": "deny", "DefaultDuration": "once",
        "InterceptUnknown": true, "ProcMonitorMethod": "proc", "LogLevel": 3, "Firewall": "iptables",
        "Stats": {"MaxEvents": 150, "MaxStats": 25}}' > "$WORK/opensnitch/default-config.json"
    echo '{"SystemRules": []}' > "$WORK/opensnitch/system-fw.json"
    opensnitch_rule dns '{"type": "simple", "operand": "dest.port", "sensitive": false, "data": "53", "list": []}'
    opensnitch_rule names '{"type": "lists", "operand": "lists.domains", "sensitive": false, "data": "'"$WORK/opensnitch/names"'", "list": []}'
    # It reads /etc/opensnitchd and nothing else: in a mount namespace of its own.
    PATH=$WORK/opensnitch/bin:$PATH XTABLES_LIBDIR=$(printf '%s' "$TOOLS"/iptables/usr/lib/*/xtables) rival_spawn c unshare -m sh -c '
        mkdir -p /etc/opensnitchd && mount --bind "$1" /etc/opensnitchd && shift && exec "$@"' sh "$WORK/opensnitch" \
        "$OPENSNITCH" -rules-path "$WORK/opensnitch/rules" -ui-socket unix:///nonexistent
}
