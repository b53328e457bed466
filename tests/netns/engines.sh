# shellcheck shell=bash disable=SC2016,SC2034,SC2120,SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
# Container engines for the tests that source this file behind lib.sh: Docker and podman, as root and of a user, all in host c.
#
# Their packages lie unpacked below TOOLS (Makefile, TOOL_DEPS): c sees them, and whatever they write, by overlays over /usr, /etc, /var,
# /opt and /root in its own mount namespace.  c also has cgroup v2 where a pure host has it.  Containers live below $CGROUP and die with
# the test.  An image without a registry: directories and links, with the machine's /usr mounted into it.
ENGINE_PACKAGES=(docker.io containerd runc iptables libip6tc2 podman conmon netavark aardvark-dns libgpgme11 libassuan0 libsubid4 uidmap slirp4netns rootlesskit)
BUILDER=4711 # the user of the rootless ones

# in_cgroup PATH COMMAND...: in host c, from that cgroup.
in_cgroup() {
    local path=$1
    shift
    mkdir -p "$CGROUPS$path"
    h c sh -c 'echo $$ > "/sys/fs/cgroup$1/cgroup.procs" && shift && exec "$@"' sh "$path" "$@"
}

engines_up() {
    local name lower=''
    for name in "${ENGINE_PACKAGES[@]}"; do
        [ -d "$TOOLS/$name/usr" ] || { echo "engines: $name is not unpacked below $TOOLS (make check-deps)" && exit 1; }
        lower=$lower$TOOLS/$name/usr:
    done
    mkdir -p "$T/engines/"{links/sbin,image/{usr,etc,proc,sys,dev,tmp,run,root,var/tmp},builder/.config/containers,root}
    for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
        ln -s xtables-nft-multi "$T/engines/links/sbin/$name"
    done
    for name in bin sbin lib lib64; do ln -s usr/$name "$T/engines/image/$name"; done
    printf 'root:x:0:0::/root:/bin/sh\n' > "$T/engines/image/etc/passwd"
    h c bash -es "$T" "$lower" $BUILDER <<'SH' || exit 1
        T=$1 lower=$2 builder=$3
        mount -t overlay overlay -o "lowerdir=$T/engines/links:$lower/usr" /usr
        for place in etc var opt root; do
            mkdir -p "$T/engines/upper/$place" "$T/engines/work/$place"
            mount -t overlay overlay -o "lowerdir=/$place,upperdir=$T/engines/upper/$place,workdir=$T/engines/work/$place" "/$place"
        done
        rm -f /etc/resolv.conf && : > /etc/resolv.conf
        mount --bind "$T/resolv.c" /etc/resolv.conf
        awk '$5 ~ "^/sys/fs/cgroup" {print $5}' /proc/self/mountinfo | sort -r | xargs -n 1 umount
        mount -t cgroup2 cgroup2 /sys/fs/cgroup

        echo "builder:x:$builder:$builder::$T/engines/builder:/bin/sh" >> /etc/passwd
        echo "builder:x:$builder:" >> /etc/group
        echo "builder:100000:65536" | tee /etc/subuid > /etc/subgid
        mkdir -p -m 700 "/run/user/$builder" /etc/containers
        echo '{ "default": [{ "type": "insecureAcceptAnything" }] }' > /etc/containers/policy.json
        printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\n' > /etc/containers/containers.conf
        printf '[containers]\npids_limit = 0\ndefault_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]\n' >> /etc/containers/containers.conf
        printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "/run/containers/storage"\n' "$T/engines/root" > /etc/containers/storage.conf
        printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "/run/user/%s/storage"\n' "$T/engines/builder/storage" "$builder" \
            > "$T/engines/builder/.config/containers/storage.conf"
        chmod 755 /etc/containers
        chmod 644 /etc/containers/*
        chown -R "$builder:$builder" "$T/engines/builder" "/run/user/$builder"
SH
    tar -C "$T/engines/image" -c . > "$T/engines/image.tar"
    dockerd_up
    docker import "$T/engines/image.tar" base > /dev/null
    podman import -q "$T/engines/image.tar" base > /dev/null 2>&1
    builder_podman import -q "$T/engines/image.tar" base > /dev/null 2>&1
}

# dockerd_up ARG...: in a cgroup of its own, the containers below another.
dockerd_up() {
    start "$T/dockerd.log" c sh -c 'mkdir -p "/sys/fs/cgroup$1/engine" && echo $$ > "/sys/fs/cgroup$1/engine/cgroup.procs" && t=$2 && c=$1 && shift 2 &&
        exec dockerd --data-root "$t/engines/docker" -p /run/docker.pid -H unix:///run/docker.sock --storage-driver vfs --cgroup-parent "$c/docker" "$@"' \
        sh "$CGROUP" "$T" "$@"
    eventually 30 docker info > "$T/docker.info" 2>&1 || { tail -n 30 "$T/dockerd.log" && exit 1; }
}
dockerd_down() {
    local pid
    pid=$(h c cat /run/docker.pid)
    kill -TERM "$pid"
    eventually 20 dead "$pid"
}

docker() { h c env -u DOCKER_HOST /usr/bin/docker -H unix:///run/docker.sock "$@"; }
podman() { in_cgroup "${PODMAN_FROM:-$CGROUP/engine}" podman "$@"; }
# From the user's session; its containers stay in that cgroup, and so does slirp4netns.
builder_podman() {
    in_cgroup "$CGROUP/builder" setpriv --reuid $BUILDER --regid $BUILDER --clear-groups env HOME="$T/engines/builder" \
        XDG_RUNTIME_DIR=/run/user/$BUILDER podman "$@"
}
# rootless_up NAME: a dockerd of the user, in the cgroup of that name, as Debian's script starts it: rootlesskit makes a user and a network
# namespace, slirp4netns sends for all that is in it.  The user has no cgroups to give out (no systemd): containers stay in that one.
rootless_up() {
    mkdir -p "$CGROUPS$CGROUP/$1"
    start "$T/dockerd.$1.log" c sh -c 'echo $$ > "/sys/fs/cgroup$1/cgroup.procs" && home=$2 run=$3 user=$4 && mkdir -p -m 700 "$home" "$run" &&
        chown "$user:$user" "$home" "$run" && cd "$home" && exec setpriv --reuid "$user" --regid "$user" --clear-groups env HOME="$home" \
        XDG_RUNTIME_DIR="$run" /usr/share/docker.io/contrib/dockerd-rootless.sh --storage-driver vfs' \
        sh "$CGROUP/$1" "$T/engines/builder/$1" "/run/user/$BUILDER/$1" $BUILDER
    eventually 30 rootless "$1" info > "$T/docker.info" 2>&1 || { tail -n 30 "$T/dockerd.$1.log" && exit 1; }
    grep -q rootless "$T/docker.info" || { cat "$T/docker.info" && exit 1; }
    rootless "$1" import "$T/engines/image.tar" base > /dev/null
}
rootless() { h c env -u DOCKER_HOST /usr/bin/docker -H "unix:///run/user/$BUILDER/$1/docker.sock" "${@:2}"; }

# What a container needs of the machine to run our clients.
IN_CONTAINER=(-v /usr:/usr:ro -v "$T:$T:ro")
docker_run() { docker run -d --name "$1" "${IN_CONTAINER[@]}" "${@:2}" base sleep 3600 > /dev/null; }
podman_run() { podman run -d --name "$1" --cgroup-parent "$CGROUP/podman" "${IN_CONTAINER[@]}" "${@:2}" base sleep 3600 > /dev/null; }
builder_run() { builder_podman run -d --name "$1" "${IN_CONTAINER[@]}" "${@:2}" base sleep 3600 > /dev/null; }
rootless_run() { rootless "$1" run -d --name "$2" "${IN_CONTAINER[@]}" "${@:3}" base sleep 3600 > /dev/null; } # whose, its name

# Containers have network namespaces that lib.sh does not know: they end by their cgroup.
engines_down() {
    ! [ -e "$CGROUPS$CGROUP/cgroup.kill" ] || echo 1 > "$CGROUPS$CGROUP/cgroup.kill"
    bed_down
}
