# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
# For test_legit.sh, beside lib.sh: what the machines that a build talks to really run.  nginx with uploads, gzip and a CGI; git over
# https, http, ssh and git://; a Debian repository; a search domain.
#     git.test 198.18.2.82    deb.test 198.18.2.80    *.corp.test: nothing

servers_names() {
    servers_web_names
    CERT_NAMES="git.test deb.test pool.test $(printf '%s ' pool{0..9}.test)"
    DNS_MORE="host-record=git.test,198.18.2.82,2001:db8:2::82 host-record=deb.test,198.18.2.80,2001:db8:2::80"
    local i
    for i in pool{,0,1,2,3,4,5,6,7,8,9}; do DNS_MORE+=" host-record=$i.test,198.18.2.80,2001:db8:2::80,60"; done
}

# What nginx alone cannot do: far_web.py beside it runs git's CGI and sums what is sent.  WEB_MORE is a server of lib.sh's nginx.
servers_web_names() {
    # shellcheck disable=SC2016  # expanded where nginx.conf is written
    WEB_MORE='client_max_body_size 0; proxy_read_timeout 900; proxy_send_timeout 900; send_timeout 900; client_body_timeout 900; server {
        listen 80; listen [::]:80; listen 443 ssl http2; listen [::]:443 ssl http2; server_name git.test;
        root $T/www; default_type text/plain; gzip on; gzip_types *; gzip_min_length 100;
        location = /hello { return 200 "hello from $host\n"; }
        location /page/ { types { text/html html; } }
        location /put/ { root $T/up; dav_methods PUT; create_full_put_path on; }
        location /sum { proxy_pass http://127.0.0.1:8080; proxy_http_version 1.1; proxy_request_buffering off; }
        location /repo/ { proxy_pass http://127.0.0.1:8080; proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off; }
        location / { }
    }'
}
servers_web() {
    mkdir -p "$T/up"
    seq 1 60000 > "$T/www/text"
    start "$T/far_web.log" s "$PYTHON" "$ROOT/tests/netns/far_web.py" 127.0.0.1 8080 "$T"
    eventually 10 grep -q ready "$T/far_web.log" || { cat "$T/far_web.log" && exit 1; }
    h s ip addr add 198.18.2.82/24 dev s0 && h s ip -6 addr add 2001:db8:2::82/64 dev s0 nodad
}

# A repository with some history, its daemon, and an sshd (unpacked, not installed) with a user of its own.
servers_git() {
    local i
    export HOME=$T/home GIT_CONFIG_NOSYSTEM=1
    mkdir -p "$HOME" "$T/repo" "$T/home/.config"
    git config --global init.defaultBranch main
    git config --global user.email a@b.test
    git config --global user.name a
    git config --global safe.directory '*'
    git init -q --bare "$T/repo/one.git"
    git -C "$T/repo/one.git" config http.receivepack true
    git init -q "$T/seed"
    for i in {1..30}; do
        seq "$i" $((i * 300)) > "$T/seed/file$i"
        head -c 60000 /dev/urandom > "$T/seed/random$i"
        git -C "$T/seed" add . && git -C "$T/seed" commit -qm "commit $i"
    done
    git -C "$T/seed" push -q "$T/repo/one.git" main
    # 20 MB that do not shrink, as a project's history with its assets.
    git init -q --bare "$T/repo/big.git" && git init -q "$T/big"
    for i in {1..10}; do
        head -c 2000000 /dev/urandom > "$T/big/asset$i"
        git -C "$T/big" add . && git -C "$T/big" commit -qm "commit $i"
    done
    git -C "$T/big" push -q "$T/repo/big.git" main
    start "$T/git-daemon.log" s git daemon --reuseaddr --export-all --enable=receive-pack --base-path="$T" --listen=198.18.2.82 --listen=2001:db8:2::82 "$T/repo"
    SSHD=$(command -v sshd || echo "$TOOLS/openssh-server/usr/sbin/sshd")
    [ -x "$SSHD" ] || return 0
    ssh-keygen -q -t ed25519 -N '' -f "$T/host_key" && ssh-keygen -q -t ed25519 -N '' -f "$T/user_key" || return 0
    chmod 644 "$T/user_key"
    cp "$T/user_key.pub" "$T/authorized"
    grep -v '^sshd:\|^git:' /etc/passwd > "$T/passwd"
    echo 'sshd:x:64000:65534::/run/sshd:/usr/sbin/nologin' >> "$T/passwd"
    echo "git:x:0:0::$T/home:/bin/bash" >> "$T/passwd"
    h s sh -c 'mkdir -p /run/sshd && mount --bind "$1" /etc/passwd' sh "$T/passwd"
    cat > "$T/sshd.conf" <<CONF
HostKey $T/host_key
ListenAddress 198.18.2.82
ListenAddress 2001:db8:2::82
AuthorizedKeysFile $T/authorized
StrictModes no
UsePAM no
PermitRootLogin yes
UseDNS no
PidFile none
CONF
    start "$T/sshd.log" s "$SSHD" -D -e -f "$T/sshd.conf"
    eventually 10 h s bash -c 'exec 3<> /dev/tcp/198.18.2.82/22' 2> /dev/null || cat "$T/sshd.log"
}

# A flat repository of 12 packages.
servers_apt() {
    local i
    mkdir -p "$T/debian"
    for i in {1..12}; do
        mkdir -p "$T/deb$i/DEBIAN" "$T/deb$i/usr/share"
        head -c $((i * 20000)) /dev/urandom > "$T/deb$i/usr/share/bed$i"
        printf 'Package: bed%s\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@b.test>\nDescription: bed\n' "$i" > "$T/deb$i/DEBIAN/control"
        dpkg-deb -b "$T/deb$i" "$T/debian/bed$i.deb" > /dev/null
    done
    (cd "$T/debian" && dpkg-scanpackages . 2> /dev/null > Packages && gzip -k Packages &&
        printf 'Date: %s\nSHA256:\n' "$(date -Ru | sed 's/+0000/UTC/')" > Release &&
        for i in Packages Packages.gz; do printf ' %s %s %s\n' "$(sha256sum < $i | cut -d' ' -f1)" "$(stat -c %s $i)" $i; done >> Release)
    mkdir -p "$T/www/debian"
    cp "$T/debian"/* "$T/www/debian/"
}

# Clients that must be compiled, where their compilers are.
servers_clients() {
    mkdir -p "$T/java"
    if command -v javac > /dev/null; then javac -d "$T/java" "$ROOT/tests/netns/Legit.java" > "$T/javac.log" 2>&1; fi
    if command -v go > /dev/null; then
        GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local GOCACHE=${GOCACHE:-$ROOT/build/gocache} CGO_ENABLED=0 HOME=$T/home \
            go build -o "$T/goclient" "$ROOT/tests/netns/legit_client.go" > "$T/go.log" 2>&1
    fi
    return 0
}

# A page that fetches from many names.
servers_page() {
    local i
    mkdir -p "$T/www/page"
    for i in {0..19}; do head -c 3000 /dev/urandom > "$T/www/page/$i.bin"; done
    cat > "$T/www/page/index.html" <<'HTML'
<html><body><h1 id="x">begun</h1><img src="https://pool1.test/hello"><script>
const urls = ['git.test', 'pool0.test', 'v4only.test', 'v6only.test', 'chain0.test'].map((host) => `https://${host}/hello`);
for (let i = 0; i < 20; i++) urls.push(`https://pool${i % 10}.test/page/${i}.bin`);
Promise.all(urls.map((url) => fetch(url, {mode: 'no-cors'}).then(() => 1, () => { document.title += ' ' + url; return 0; })))
    .then((all) => { document.getElementById('x').textContent = 'fetched ' + all.reduce((a, b) => a + b); });
</script></body></html>
HTML
}
