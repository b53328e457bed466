/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/engine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <libmnl/libmnl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "ctl/engine_sender.h"
#include "ctl/process_proc.h"
#include "ctl/rtnetlink.h"
#include "nft/cgroup.h"

#define NAMESPACES_MAX 1024
#define LOOK_USEC      12000000u
#define ENDS_MAX       32 /* interfaces of one container */

static bool add(struct engine_matches *out, enum policy_match kind, const char *text, unsigned end, struct error *e)
{
    for (unsigned i = 0; i < out->lines; i++)
        if (out->line[i].kind == kind && strcmp(out->line[i].text, text) == 0)
            return true;
    if (out->lines == POLICY_MATCHES_MAX)
        return error_set(e, ERROR_LIMIT, 0, "more than %u networks and addresses", POLICY_MATCHES_MAX);
    struct engine_line *line = &out->line[out->lines];
    if (snprintf(line->text, sizeof line->text, "%s", text) >= (int)sizeof line->text)
        return error_set(e, ERROR_LIMIT, 0, "%s: longer than %u bytes", text, ENGINE_TEXT_MAX - 1);
    line->kind = kind;
    line->end = end;
    out->lines++;
    return true;
}

/* A bridge that an engine made for one user-defined network: "br-" and twelve hexadecimal digits (Docker), "podman1"
 * and on.  Everything else may have others on it that have nothing to do with this container. */
static bool of_one_network(const char *name)
{
    if (strncmp(name, "br-", 3) == 0)
        return strlen(name) == 15 && strspn(name + 3, "0123456789abcdef") == 12;
    return strncmp(name, "podman", 6) == 0 && name[6] >= '1' && name[6] <= '9' &&
           name[6 + strspn(name + 6, "0123456789")] == '\0';
}

/* The host's ends of the links that lead into one namespace. */
struct ends {
    int32_t namespace;
    unsigned count;
    struct rtnetlink_link end[ENDS_MAX];
    bool by_address[ENDS_MAX];
};

static void take_end(void *ctx, const struct rtnetlink_link *link)
{
    struct ends *ends = ctx;
    if (link->peer_namespace == ends->namespace && link->peer && ends->count < ENDS_MAX)
        ends->end[ends->count++] = *link;
}

struct masters {
    struct ends *ends;
    char name[ENDS_MAX][16];
};

static void take_master(void *ctx, const struct rtnetlink_link *link)
{
    struct masters *masters = ctx;
    for (unsigned i = 0; i < masters->ends->count; i++)
        if (masters->ends->end[i].master == link->index)
            memcpy(masters->name[i], link->name, sizeof link->name);
}

struct addresses {
    const struct ends *ends;
    const char *interface[ENDS_MAX]; /* of the host: each end's bridge, or itself */
    struct engine_matches *out;
    bool ok;
    struct error *e;
};

static void remember(struct engine_matches *out, const struct address *address, unsigned end)
{
    for (unsigned i = 0; i < out->addresses; i++)
        if (address_equal(&out->address[i].address, address))
            return;
    if (out->addresses < ENGINE_ADDRESSES_MAX)
        out->address[out->addresses++] = (struct engine_address){*address, end};
}

/* Is it one that the host gives out on that interface, and not the host's own?  A container can give itself any. */
static bool is_of_network(const char *interface, const struct address *a)
{
    struct ifaddrs *list;
    bool of = false, own = false;
    if (getifaddrs(&list) < 0)
        return false;
    for (const struct ifaddrs *at = list; at; at = at->ifa_next) {
        int family = at->ifa_addr ? at->ifa_addr->sa_family : AF_UNSPEC;
        size_t len = a->family == 4 ? 4 : 16;
        if (family != (a->family == 4 ? AF_INET : AF_INET6) || !at->ifa_netmask)
            continue;
        const uint8_t *host = family == AF_INET
                                  ? (const uint8_t *)&((const struct sockaddr_in *)at->ifa_addr)->sin_addr
                                  : (const uint8_t *)&((const struct sockaddr_in6 *)at->ifa_addr)->sin6_addr;
        const uint8_t *mask = family == AF_INET
                                  ? (const uint8_t *)&((const struct sockaddr_in *)at->ifa_netmask)->sin_addr
                                  : (const uint8_t *)&((const struct sockaddr_in6 *)at->ifa_netmask)->sin6_addr;
        own = own || memcmp(host, a->octets, len) == 0;
        bool inside = strcmp(at->ifa_name, interface) == 0 && mask[0] != 0;
        for (size_t i = 0; i < len && inside; i++)
            inside = (host[i] & mask[i]) == (a->octets[i] & mask[i]);
        of = of || inside;
    }
    freeifaddrs(list);
    return of && !own;
}

static void take_address(void *ctx, const struct rtnetlink_own_address *own)
{
    struct addresses *list = ctx;
    for (unsigned i = 0; i < list->ends->count && list->ok; i++) {
        char text[ADDRESS_TEXT_SIZE + 4];
        if (list->ends->end[i].peer != own->interface || !own->global ||
            !is_of_network(list->interface[i], &own->address))
            continue;
        remember(list->out, &own->address, list->ends->end[i].index);
        size_t len = address_format(&own->address, text);
        snprintf(text + len, sizeof text - len, "/%u", own->address.family == 4 ? 32u : 128u);
        list->ok = !list->ends->by_address[i] || add(list->out, POLICY_SOURCE, text, list->ends->end[i].index, list->e);
    }
}

/* Adds what leads into the namespace; *found says whether anything does. */
static bool add_links(struct mnl_socket *s, int netns_fd, struct engine_matches *out, bool *found, struct error *e)
{
    struct ends ends = {.namespace = rtnetlink_namespace(s, netns_fd)};
    struct masters masters = {.ends = &ends};
    struct addresses addresses = {.ends = &ends, .out = out, .ok = true, .e = e};
    *found = false;
    if (ends.namespace < 0)
        return true;
    if (!rtnetlink_links(s, take_end, &ends, e) || !rtnetlink_links(s, take_master, &masters, e))
        return false;
    *found = ends.count != 0;
    for (unsigned i = 0; i < ends.count; i++) {
        const char *interface = ends.end[i].master ? masters.name[i] : ends.end[i].name;
        addresses.interface[i] = interface;
        ends.by_address[i] = ends.end[i].master && !of_one_network(interface);
        if (!ends.by_address[i] && !add(out, POLICY_INTERFACE, interface, 0, e))
            return false;
    }
    return (!*found || rtnetlink_addresses(s, ends.namespace, take_address, &addresses, e)) && addresses.ok;
}

static bool add_cgroup(pid_t pid, struct engine_matches *out, struct error *e)
{
    char path[PATH_MAX];
    if (!cgroup_of(pid, path, e))
        return false;
    if (strcmp(path, "/") == 0)
        return error_set(
            e, ERROR_INPUT, 0,
            "process %d sends from the root cgroup, which no rule can match: start it from a cgroup of its "
            "own",
            (int)pid);
    return add(out, POLICY_CGROUP, path, 0, e);
}

struct senders {
    struct engine_matches *out;
    bool found, ok;
    struct error *e;
};

static void take_sender(void *ctx, pid_t pid)
{
    struct senders *senders = ctx;
    senders->found = true;
    senders->ok = senders->ok && add_cgroup(pid, senders->out, senders->e);
}

/* Whether the namespace has any interface but its loopback. */
static bool has_interfaces(int proc)
{
    char text[8192];
    process_proc_read(proc, "net/dev", text, sizeof text);
    char *save = NULL, *line = strtok_r(text, "\n", &save);
    for (unsigned n = 0; line; n++, line = strtok_r(NULL, "\n", &save))
        if (n >= 2 && strncmp(line + strspn(line, " "), "lo:", 3) != 0)
            return true;
    return false;
}

/* Opens the process' network namespace; -1 in *fd: it is ours. */
static bool open_namespace(int proc, int *fd, struct error *e)
{
    struct stat own, other;
    *fd = openat(proc, "ns/net", O_RDONLY | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &other) < 0 || stat("/proc/self/ns/net", &own) < 0) {
        error_set(e, ERROR_SYSTEM, errno, "its network namespace");
        if (*fd >= 0)
            close(*fd);
        return false;
    }
    if (own.st_ino == other.st_ino && own.st_dev == other.st_dev) {
        close(*fd);
        *fd = -1;
    }
    return true;
}

static bool add_namespace(pid_t pid, int proc, int netns_fd, struct engine_matches *out, struct error *e)
{
    bool found = false;
    struct mnl_socket *s = rtnetlink_open(e);
    if (!s)
        return false;
    bool ok = add_links(s, netns_fd, out, &found, e);
    mnl_socket_close(s);
    if (!ok || found || !has_interfaces(proc))
        return ok;
    struct senders senders = {out, false, true, e};
    engine_sender_each(pid, netns_fd, take_sender, &senders);
    if (!senders.found)
        return error_set(
            e, ERROR_INPUT, 0,
            "process %d has a network that the gate cannot see: no bridge, veth, slirp4netns or pasta leads "
            "to it (macvlan, ipvlan?)",
            (int)pid);
    return senders.ok;
}

bool engine_of_process(pid_t pid, struct engine_matches *out, struct error *e)
{
    int fd;
    int proc = process_proc_open(pid);
    if (proc < 0)
        return error_set(e, ERROR_INPUT, errno, "process %d", (int)pid);
    bool ok = open_namespace(proc, &fd, e);
    if (ok && fd >= 0) {
        /* Its own cgroup is matched beside it, where it has one: what it might send from the host's network. */
        struct engine_matches before = *out;
        if (!add_cgroup(pid, out, NULL))
            *out = before;
        ok = add_namespace(pid, proc, fd, out, e);
        close(fd);
    } else if (ok) {
        ok = add_cgroup(pid, out, e);
    }
    close(proc);
    return ok;
}

/* What the process that looks says. */
struct report {
    bool ok;
    struct error error;
    struct engine_container container;
    struct engine_matches matches;
};

static void look(const char *container, const json_t *held, struct report *report)
{
    report->ok = engine_find(container, held, &report->container, &report->error) &&
                 engine_of_process(report->container.pid, &report->matches, &report->error);
}

/* Arguments and paths of others' processes are read, which can wait for as long as those like: in a process of its own,
 * that is ended when the time is over. */
bool engine_matches(const char *container, const json_t *held, struct engine_container *which,
                    struct engine_matches *out, struct error *e)
{
    static struct report report; /* 36 KiB; one thread */
    int ends[2];
    report = (struct report){.matches = *out};
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot look for container %s", container);
    pid_t pid = fork();
    if (pid == 0) {
        look(container, held, &report);
        for (size_t done = 0; done < sizeof report;) {
            ssize_t n = write(ends[1], (const char *)&report + done, sizeof report - done);
            if (n <= 0)
                break;
            done += (size_t)n;
        }
        _exit(0);
    }
    close(ends[1]);
    size_t have = 0;
    uint64_t until = clock_boot_usec() + LOOK_USEC;
    struct pollfd more = {.fd = ends[0], .events = POLLIN};
    for (uint64_t now; pid > 0 && have < sizeof report && (now = clock_boot_usec()) < until;) {
        if (poll(&more, 1, (int)((until - now) / 1000) + 1) <= 0)
            continue;
        ssize_t n = read(ends[0], (char *)&report + have, sizeof report - have);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    close(ends[0]);
    if (pid > 0) {
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (have < sizeof report)
        return error_set(e, ERROR_SYSTEM, 0, "container %s: could not be looked at in time", container);
    if (!report.ok && e)
        *e = report.error;
    if (!report.ok)
        return false;
    *which = report.container;
    *out = report.matches;
    return true;
}

struct below {
    struct engine_matches *out;
    struct mnl_socket *s;
    struct stat own;
    unsigned seen;
    ino_t inode[NAMESPACES_MAX];
    bool ok;
    struct error *e;
};

/* The network namespace at `path`, if it is another than ours and was not seen yet. */
static void take_namespace(struct below *b, const char *path)
{
    struct stat st;
    bool leads;
    if (!b->ok || stat(path, &st) < 0 || (st.st_ino == b->own.st_ino && st.st_dev == b->own.st_dev))
        return;
    for (unsigned i = 0; i < b->seen; i++)
        if (b->inode[i] == st.st_ino)
            return;
    if (b->seen == NAMESPACES_MAX) { /* told, and what was found before stays (jobs_below.c) */
        b->ok = error_set(b->e, ERROR_LIMIT, 0, "more than %u network namespaces", NAMESPACES_MAX);
        return;
    }
    b->inode[b->seen++] = st.st_ino;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    b->ok = add_links(b->s, fd, b->out, &leads, b->e);
    close(fd);
}

/* Each thread may have its own, and the first may have ended. */
static void take_process(void *ctx, pid_t pid)
{
    char path[64 + NAME_MAX];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/ns/net", (int)pid, entry->d_name);
        take_namespace(ctx, path);
    }
    if (tasks)
        closedir(tasks);
}

bool engine_below(const char *cgroup, struct engine_matches *out, struct error *e)
{
    struct below b = {.out = out, .ok = true, .e = e};
    struct error walk = {0};
    if (stat("/proc/self/ns/net", &b.own) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "our network namespace");
    b.s = rtnetlink_open(e);
    if (!b.s)
        return false;
    bool walked = cgroup_each_pid(cgroup, take_process, &b, &walk) || walk.sys_errno == ENOENT;
    mnl_socket_close(b.s);
    if (!walked && e)
        *e = walk;
    return walked && b.ok;
}
