#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The rules of nft/ in namespaces: what reaches the queue, what leaves, what a verdict's mark does.  Root.
# The bed, and BUILD and DRIVERS: ruleset_bed.sh.
# shellcheck disable=SC2086,SC2016,SC2034,SC2154  # words; conditions are evaluated later
set -u
cd "$(dirname "$0")/../.." || exit 1
NAME=ruleset
. tests/netns/ruleset_bed.sh
JOB="--scope 1 cgroup=/$ID/job resolver=$S4 resolver=$S6 resolver=127.0.0.53 relay=4053"
BOX="--scope 2 if=hc resolver=$S4 resolver=$S6 relay=4054"

# ---- output and forward: what is queued, and what the verdicts do ----
for form in "job 1 $S4" "job 1 $S6" "box 2 $S4" "box 2 $S6"; do
    read -r who scope to <<< "$form"
    rules $JOB $BOX --verdict '*:to:tcp:80=approve' --verdict '*:*:tcp:81=pass' --verdict '*:*:tcp:82=http' --verdict '*:to:tcp:83=reset' \
        --verdict '*:to:udp:5000=approve' --verdict '*:to:udp:5005=approve' --verdict '*:*:udp:5001=pass'
    try $who tcp $to 84 x
    check "$who $to: an unjudged SYN is queued and does not leave" both 'queued "^q '$scope' to tcp .*:84 S "' 'absent "tcp 84"'
    gets $who tcp $to 80 alpha beta
    check "$who $to: approved: goes, and only the SYN is queued" both 'out "got beta"' '[ "$(packets " (to|from) tcp .*:80 ")" = 1 ]'
    gets $who tcp $to 81 alpha
    check "$who $to: undecided: both directions are queued" both 'out "got alpha"' \
        'queued "^q '$scope' to tcp .*:81 AP" && queued "^q '$scope' from tcp .*:81 > .* SA " && queued "^q '$scope' from tcp .*:81 > .* AP "'
    gets $who tcp $to 82 alpha
    check "$who $to: http: only client to server is queued" both 'out "got alpha" && queued "to tcp .*:82 AP"' 'unqueued "from tcp .*:82 >"'
    gets $who tcp $to 83 x
    check "$who $to: reset is at once" both 'out "failed.*refused" && [ "$(count "^q '$scope' to tcp .*:83 S ")" -le 2 ]' 'absent "tcp 83"'
    try $who udp $to 5002 x
    check "$who $to: unjudged datagram" both 'queued "^q '$scope' to udp .*:5002"' 'absent "udp 5002"'
    gets $who udp $to 5000 x
    check "$who $to: approved datagram" both 'out "got x"' '[ "$(count ":5000 ")" = 1 ]'
    gets $who udp $to 5001 x
    check "$who $to: undecided datagram: its answer is queued" both 'out "got x"' 'queued "^q '$scope' from udp .*:5001 >"'
    gets $who udp $to 5005 x
    check "$who $to: an ICMP error comes back" out 'refused'
    forget
    $who ping -c 1 -W 1 $to > "$T/out" 2>&1
    check "$who $to: ping is queued" both 'queued "^q '$scope' to icmp"' '! out "bytes from"'

    # A stream whose connection is forgotten in its middle.
    forget
    gets $who tcp $to 80 alpha "!nsenter --net=/run/netns/$ID-h conntrack -F" gamma
    check "$who $to: conntrack -F: the stream is a stray" both 'queued "^q '$scope' stray tcp .*:80 AP"' 'out "got alpha" && absent "gamma"'
    # The peer speaks first: its packet makes the connection.
    forget
    from=10.9.1.1
    case $form in job*:*) from=fd00:1::1 ;; box*:*) from=fd00:2::2 ;; box*) from=10.9.2.2 ;; esac
    rm -f "$T/sent"
    background "$T/answer" $who python3 "$PEER" answer 6000 $to 5003 "$T/sent"
    waits "$T/answer" waiting
    background "$T/spoken" in_ns s python3 "$PEER" speak 6001 $from 6000 "$T/sent"
    if [ $who = job ]; then waits "$T/q" '^q 1 in udp'; else waits "$T/answer" heard; fi
    : > "$T/sent"
    # Its own 5003 is served there; the answer goes to the port that spoke.
    waits "$T/answer" heard
    if [ $who = job ]; then
        check "job $to: a datagram into the scope is refused" both 'queued "^q 1 in udp"' 'grep -q "heard nothing" "$T/answer"'
    fi
    check "$who $to: what is sent after that is queued" both 'queued "^q '$scope' .* udp .*:5003"' 'absent "udp 5003"'
done

# The peer speaks first, and the answer is in reply direction.
rules $JOB $BOX
background "$T/answer" box python3 "$PEER" answer 6000 $S4 6001 "$T/never"
waits "$T/answer" waiting
rm -f "$T/sent"
background "$T/spoken" in_ns s python3 "$PEER" speak 6001 10.9.2.2 6000 "$T/sent"
waits "$T/answer" heard
: > "$T/sent"
check "box: an answer to a peer that spoke first is a connection into the scope" queued '^q 2 in udp .* > 10.9.1.2:6001'

# ---- NOTRACK in another table ----
rules $JOB $BOX --verdict '*:to:*:*=approve'
host nft -f - << 'NFT'
table inet other {
    chain out { type filter hook output priority -300; tcp dport 84 notrack; udp dport 5003 notrack; }
    chain pre { type filter hook prerouting priority -300; tcp dport 84 notrack; udp dport 5003 notrack; }
}
NFT
for who in job box; do
    forget
    try $who tcp $S4 84 x
    try $who udp $S4 5003 x
    check "$who: NOTRACK ends as a stray" both 'queued "stray tcp .*:84 S" && queued "stray udp .*:5003"' 'absent ":84" && absent 5003'
done
host nft delete table inet other

# ---- marks ----
rules $JOB $BOX --verdict '*:to:tcp:80=approve' --verdict '1:to:udp:53=pass'
host nft -f - << 'NFT'
table inet other {
    chain connection { type filter hook output priority -170; tcp dport 80 ct mark set ct mark or 0x00ff8000; }
    chain out {
        type filter hook postrouting priority 200;
        meta mark & 0x3fff != 0 counter comment "ours"
        tcp dport 80 meta mark 0x2b000000 counter comment "theirs"
    }
}
NFT
job python3 -c '
import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 0x2b000001); s.settimeout(30)
s.connect(("'$S4'", 80)); s.sendall(b"kept"); s.recv(9); s.close()' > "$T/out" 2>&1
check "the other bits of both marks stay" both '[ "$(mark 80)" = $((0x00ff8009)) ] && arrived kept' 'queued "mark 2b000008"'
host nft list chain inet other out > "$T/out"
check "no bit of ours leaves in a packet mark" both 'out "packets 0 bytes 0 comment .ours"' '! out "packets 0 bytes 0 comment .theirs"'
host nft delete table inet other
for value in 0x9 0xb 0xc 0xe 0x3 0x3ff8 0x3ff9; do
    forget
    try job udp $S4 5004 x $value
    check "a job's own mark $value is no verdict" both 'queued "^q 1 (to|stray) udp .*:5004"' 'absent 5004 && [ "$(mark 5004)" != 9 ]'
done
forget
host python3 "$PEER" udp $S4 53 x 0xb
check "the relay's mark: its message is the scope's" queued '^q 1 to udp .*:53 '
forget
try host udp $S4 5004 x 0xb
check "the relay's mark is for port 53 alone" both 'nothing_queued 5004' 'arrived "udp 5004"'
forget
host conntrack -F > /dev/null 2>&1
try host udp $S4 5004 x 0x3ff8
check "what the gate injects is untracked and goes" both 'nothing_queued 5004 && arrived "udp 5004"' '! host conntrack -L -p udp --orig-port-dst 5004 2> /dev/null | grep -q udp'

# ---- into a scope ----
background "$T/j.out" job python3 "$PEER" listen 7000 "$T/j"
background "$T/o.out" host python3 "$PEER" listen 7002 "$T/o"
waits "$T/j" ready && waits "$T/o" ready
rules $JOB $BOX --verdict '1:in:tcp:7000=reset' --verdict '1:to:tcp:7002=drop'
gets peer tcp 10.9.1.1 7000 x
check "a connection into a scope is refused" both 'queued "^q 1 in tcp .*:7000 S"' 'out refused'
forget
gets host tcp 127.0.0.1 7000 x
check "also over loopback from outside the scope" both 'queued "^q 1 in tcp .*:7000 S"' 'out refused'

# ---- loopback ----
forget
for to in 127.0.0.1 ::1 10.9.1.1; do
    gets job tcp $to 7000 inside
    check "loopback inside the scope is free: $to" both 'out "got inside"' 'nothing_queued 7000'
done
forget
gets job tcp 127.0.0.1 7009 x
check "nobody listens: the kernel itself refuses" both 'out refused' 'nothing_queued 7009'
job ping -c 2 -W 20 127.0.0.1 > "$T/out" 2>&1
check "the kernel itself answers an echo" both 'out "2 received"' 'nothing_queued 0'
gets job udp 127.0.0.1 5009 x
check "nobody listens: an ICMP error" both 'out refused' 'nothing_queued 5009'
for to in 127.0.0.1 ::1; do
    forget
    try job tcp $to 7002 x
    check "a listener outside the scope is judged at input: $to" both 'queued "^q 1 to tcp .*:7002 S .*hook 1"' '! grep -q connected "$T/o" && ! out connected'
done
rules $JOB --verdict '1:*:tcp:7002=pass'
gets job tcp 127.0.0.1 7002 listener
check "a listener outside, undecided: both directions" both 'out "got listener"' 'queued "to tcp .*:7002 AP .*hook 1" && queued "from tcp .*:7002 > .* AP .*hook 1"'
rules $JOB --verdict '1:to:tcp:7002=reset'
gets job tcp 127.0.0.1 7002 x
check "a listener outside: reset" out refused
rules $JOB --verdict '1:to:tcp:7002=approve'
gets job tcp 127.0.0.1 7002 listener
check "a listener outside, approved" both 'out "got listener"' '[ "$(packets "^q 1 to .*:7002 ")" = 1 ]'
rules $JOB --scope 3 cgroup=/$ID/gate
try gate tcp 127.0.0.1 7000 x
check "a listener in another scope refuses" queued '^q 1 in tcp .*:7000 S'

# A published port: loopback that DNAT sends elsewhere.
rules $JOB --verdict '1:to:*:*=approve'
: > "$T/box"
host nft -f - << 'NFT'
table ip other {
    chain out { type nat hook output priority -100; ip daddr 127.0.0.1 tcp dport 8080 dnat to 10.9.2.2:80; }
    chain post { type nat hook postrouting priority 100; oifname hc masquerade; }
}
NFT
try job tcp 127.0.0.1 8080 x
check "a published port's DNAT is caught behind it" both 'queued "^q 1 stray tcp .*:80 S .*hook 3"' '! grep -q connected "$T/box"'
host nft delete table ip other

# ---- connections into a scope that may be a server ----
rules $JOB incoming $BOX incoming
gets peer tcp 10.9.1.1 7000 served
check "incoming: into a cgroup's scope" both 'out "got served"' 'nothing_queued 7000'
gets peer tcp 10.9.2.2 80 served
check "incoming: into an interface's scope" both 'out "got served"' 'nothing_queued 80'
gets peer tcp 10.9.2.2 80 alpha "!nsenter --net=/run/netns/$ID-h conntrack -F" gamma
check "incoming: but no stream picked up in its middle" both 'out "got alpha"' '! out "got gamma"'
rules $JOB --verdict '1:to:tcp:80=approve' $BOX incoming
gets job tcp 10.9.2.2 80 across
check "incoming: from another scope, that one judges" both 'out "got across"' '[ "$(packets "^q 1 to tcp .*:80 S")" = 1 ]'

# ---- the relay ----
background "$T/r1.out" host python3 "$PEER" listen 4053 "$T/r1"
background "$T/r2.out" host python3 "$PEER" listen 4054 "$T/r2"
waits "$T/r1" ready && waits "$T/r2" ready
rules $JOB $BOX
for to in $S4 $S6 127.0.0.53; do
    gets job tcp $to 53 message
    check "TCP 53 goes to the relay: $to" both 'out "got message"' 'nothing_queued "(53|4053)"'
done
for to in $S4 $S6; do
    : > "$T/r2"
    gets box tcp $to 53 message
    check "TCP 53 goes to the relay: $to from the interface" both 'out "got message" && grep -q message "$T/r2"' 'nothing_queued "(53|4054)"'
done
try job tcp 10.9.2.2 53 x
check "TCP 53 to another address does not" queued '^q 1 to tcp .*:53 S'
try job tcp 127.0.0.1 4053 x
check "the relay's own port is judged as any" queued '^q 1 to tcp .*:4053 S'
rules $JOB --slow --verdict '1:to:tcp:80=approve'
gets job tcp $S4 80 alpha beta
check "fast_path off: every packet toward the server is queued" both 'out "got beta"' '[ "$(count "to tcp .*:80 ")" -ge 4 ]'
gets job tcp 127.0.0.1 7000 inside
check "fast_path off: loopback inside the scope is free" out "got inside"
gets job tcp $S4 53 message
check "fast_path off: the relay" out "got message"

# ---- other hands ----
rules $JOB $BOX
host nft flush ruleset
host nft delete table inet sluice > "$T/out" 2>&1
check "another's delete of the table fails" out 'not permitted'
try job udp $S4 5002 x
check "after nft flush ruleset and delete: still queued" both 'queued "^q 1 to udp"' 'absent "udp 5002"'
if grep -q persist=1 "$T/q"; then
    kill -9 $DRIVER
    wait $DRIVER 2> /dev/null
    DRIVER=
    forget
    try job udp $S4 5002 x
    try job tcp $S4 80 x
    check "kill -9: the table stays, closed" both 'absent udp && absent tcp' 'host nft list tables | grep -q sluice'
    rules $JOB --verdict '1:to:tcp:80=approve'
    gets job tcp $S4 80 again
    check "an orphaned table is taken over" both 'out "got again"' '[ "$(host nft list tables | grep -c sluice)" = 1 ]'
else
    skip "the kernel has no persistent tables"
fi

# ---- replaced under load ----
base_chains() { host nft -a list table inet sluice 2> /dev/null | grep -E 'chain (output|prerouting|input|postrouting)[a-z_]* \{'; }
rules $JOB $BOX
base_chains > "$T/before"
kill -9 $DRIVER && wait $DRIVER 2> /dev/null
DRIVER=
rules $JOB $BOX --replace 200
background "$T/f1" job python3 "$PEER" flood $S4 5001 ${FLOOD:-4}
background "$T/f2" box python3 "$PEER" flood $S4 5002 ${FLOOD:-4}
waits "$T/f1" sent && waits "$T/f2" sent && waits "$T/q" '^replace'
check "200 replacements while packets fly: $(cut -d' ' -f2 "$T/f1")+$(cut -d' ' -f2 "$T/f2") datagrams, none leaves" \
    both 'queued "^replaced$" && [ "$(count "^q 1 to udp")" -gt 500 ] && [ "$(count "^q 2 to udp")" -gt 500 ]' 'absent udp'

if grep -q persist=1 "$T/q"; then
    check "replaced and taken over in place: the same base chains, so no queued packet is lost" both '[ "$(wc -l < "$T/before")" -ge 8 ]' 'base_chains | cmp -s - "$T/before"'
fi

# ---- two gates in one namespace ----
rules $JOB --verdict '1:to:tcp:80=approve' --verdict '1:*:tcp:81=pass'
nsenter --net="/run/netns/$ID-h" "$DRIVERS/ruleset_driver" --table sluice_run_0 --queues 22000 --scope 2046 cgroup=/$ID/gate \
    --verdict '2046:to:tcp:80=approve' > "$T/q2" 2>&1 &
STARTED+=($!)
waits "$T/q2" ready
gets gate tcp $S4 80 second
check "a second table: its verdicts hold" both 'out "got second"' '[ "$(sort -u "$T/q2" | grep -c "^q 2046 to tcp")" = 1 ]'
gets job tcp $S4 80 first
check "a second table: the first one's too" both 'out "got first"' '[ "$(packets "^q 1 to tcp .*:80 ")" = 1 ]'
kill -TERM $! && wait $! 2> /dev/null

# ---- what no scope claims ----
rules $JOB $BOX --scope 3 --unmatched 3 --gate /$ID/gate
in_ns s ip neigh flush all && host ip neigh flush all
try host tcp $S4 80 x
try host udp $S6 5000 x
check "unmatched: the host itself is queued" both 'queued "^q 3 to tcp .*:80" && queued "^q 3 to udp .*:5000"' 'absent tcp && absent udp'
gets gate tcp $S4 80 gate
check "unmatched: the gate passes" out "got gate"
host ip neigh flush all
gets gate tcp $S6 80 gate
check "unmatched: neighbours are found" out "got gate"
gets peer tcp 10.9.1.1 7002 ssh
check "unmatched: connections to the host pass" out "got ssh"
gets host tcp 127.0.0.1 7002 local
check "unmatched: loopback passes" out "got local"
try host udp $S4 5004 x 0x3ff8
check "unmatched: what the gate injects passes" arrived "udp 5004"
try job udp $S4 5004 x 0x3ff8
check "unmatched: a job's packet with that mark does not" queued '^q 1 stray udp .*:5004'
rules $JOB --scope 3 --unmatched 3 --verdict '3:to:tcp:80=approve'
gets box tcp $S4 80 forwarded
check "unmatched: forwarded traffic too" both 'out "got forwarded"' '[ "$(packets "^q 3 to tcp .*:80")" = 1 ]'

# ---- masquerade and sources ----
rules --scope 5 source=10.9.2.0/24 --masquerade 10.9.2.0/24 --verdict '5:to:tcp:80=approve'
gets box tcp $S4 80 x
check "source scope, masqueraded" both 'queued "^q 5 to tcp 10.9.2.2:"' 'arrived "connected ::ffff:10.9.1.1"'

# ---- conntrack ----
rules $JOB --verdict '1:to:tcp:80=approve'
host sh -c 'echo 1 > /proc/sys/net/netfilter/nf_conntrack_acct'
background "$T/ends" host "$DRIVERS/conntrack_driver" ends 300
waits "$T/ends" ready
gets job tcp $S4 80 alpha "!nsenter --net=/run/netns/$ID-h $DRIVERS/conntrack_driver list > $T/list" \
    "!nsenter --net=/run/netns/$ID-h $DRIVERS/conntrack_driver cut 80 > $T/cut" secret
check "a flow is listed with its counts" grep -qE "^list 6 10.9.1.1:[0-9]+ > 10.9.1.2:80 mark 9 id 1 out [3-9]/[1-9][0-9]+ in [2-9]/[1-9]" "$T/list"
check "a cut flow is a stray" both 'grep -q "cut 10.9.1.2 ok" "$T/cut"' 'queued "^q 1 stray tcp .*:80 AP" && absent secret'
check "its end is told" waits "$T/ends" '^ends 6 .*:80 mark 9'
gets job tcp $S4 80 alpha "!nsenter --net=/run/netns/$ID-h $DRIVERS/conntrack_driver destroy 80 > $T/destroy" x
check "its socket is destroyed" both 'grep -q "destroy 10.9.1.2 ok" "$T/destroy"' 'out "failed.*(abort|reset)"'
FORGET="nsenter --net=/run/netns/$ID-h $DRIVERS/conntrack_driver forget 3ff8"
gets job tcp $S4 80 alpha "!$FORGET 10 > $T/other" beta "!$FORGET 8 > $T/forget" secret
check "flows of another mark stay" both '[ "$(cat "$T/other")" = forgotten ]' 'arrived beta'
check "all of one mark are forgotten, their ends told at once" both \
    'grep -q "^ends 6 10.9.1.1:[0-9]* > 10.9.1.2:80 mark 9" "$T/forget" && grep -q forgotten "$T/forget"' \
    'queued "^q 1 stray tcp .*:80 AP" && absent secret'
stop
check "an ended gate leaves no table" both '! host nft list tables | grep -q sluice' true

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
