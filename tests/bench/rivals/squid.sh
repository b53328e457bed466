# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
# squid, peek and splice: reads the ClientHello, splices allowed names, ends the others.  One worker: two were not faster here.
source "$HERE/rivals.sh"
rival_kind=tls
SQUID=$(rival_tool squid squid-openssl/usr/sbin/squid)
# Where its files are, if it is not installed.
squid_paths() {
    local share=$TOOLS/squid-common/usr/share/squid
    printf '%s\n' "unlinkd_program $TOOLS/squid-openssl/usr/lib/squid/unlinkd" "icon_directory $share/icons" "mime_table $share/mime.conf" \
        "error_directory $TOOLS/squid-langpack/usr/share/squid-langpack/templates"
}
rival_version() { h g "$SQUID" -v | sed -n 's/^Squid Cache: Version/squid/p'; }
rival_start() {
    rival_allowed > "$WORK/squid.names"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=squid -keyout "$WORK/squid.key" -out "$WORK/squid.crt" 2> /dev/null
    cat "$WORK/squid.key" "$WORK/squid.crt" > "$WORK/squid.pem" && chmod 644 "$WORK/squid.pem"
    cat > "$WORK/squid.conf" << CONF
http_port 127.0.0.1:3128
https_port $RIVAL_PORT intercept ssl-bump tls-cert=$WORK/squid.pem generate-host-certificates=off
acl step1 at_step SslBump1
acl allowed ssl::server_name "$WORK/squid.names"
ssl_bump peek step1
ssl_bump splice allowed
ssl_bump terminate all
http_access allow all
dns_nameservers 198.18.2.53
cache deny all
cache_mem 8 MB
access_log none
cache_log /dev/null
cache_store_log none
pid_filename none
pinger_enable off
netdb_filename none
max_filedescriptors 65536
coredump_dir $WORK
shutdown_lifetime 0 seconds
workers 1
$(case $SQUID in "$TOOLS"/*) squid_paths ;; esac)
CONF
    rival_spawn g "$SQUID" --foreground -f "$WORK/squid.conf"
}
