/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a container's name or id to its first process. */
#include <dirent.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/clock.h"
#include "ctl/engine.h"
#include "ctl/process_proc.h"
#include "nft/cgroup.h"

#define ANSWER_BYTES (4u << 20)
#define ANSWER_USEC  5000000u
#define NAME_MAX_LEN 255

/* What was found, by however many. */
struct found {
    unsigned count;
    const char *silent; /* the socket of an engine that did not answer */
    struct engine_container container;
};

static void take(struct found *found, const struct engine_container *container)
{
    if (container->pid <= 0 || (found->count && found->container.pid == container->pid))
        return;
    found->container = *container;
    found->count++;
}

/* {"9000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, ...], "9001/udp": null} */
static void read_ports(const json_t *ports, struct engine_container *out)
{
    const char *key;
    json_t *list, *one;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)ports, key, list)
    {
        json_array_foreach(list, i, one)
        {
            const char *address = json_string_value(json_object_get(one, "HostIp"));
            const char *port = json_string_value(json_object_get(one, "HostPort"));
            struct engine_published *p = &out->port[out->published];
            const char *protocol = strchr(key, '/');
            if (out->published == ENGINE_PUBLISHED_MAX || !protocol || !port)
                continue;
            *p = (struct engine_published){.udp = strcmp(protocol, "/udp") == 0,
                                           .port = (uint16_t)strtoul(port, NULL, 10)};
            p->any = !address || !*address || strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
            if ((p->udp || strcmp(protocol, "/tcp") == 0) && p->port &&
                (p->any || address_parse((struct bytes){(const uint8_t *)address, strlen(address)}, &p->address)))
                out->published++;
        }
    }
}

static void read_container(const json_t *root, struct engine_container *out)
{
    out->pid = (pid_t)json_integer_value(json_object_get(json_object_get(root, "State"), "Pid"));
    out->own_servers = json_array_size(json_object_get(json_object_get(root, "HostConfig"), "Dns")) > 0;
    read_ports(json_object_get(json_object_get(root, "NetworkSettings"), "Ports"), out);
}

static int connect_to(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct timeval wait = {.tv_sec = ANSWER_USEC / 1000000};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) < 0 ||
                    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) < 0 ||
                    connect(fd, (const struct sockaddr *)&to, sizeof to) < 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The whole answer, until the engine closes (HTTP/1.0); NULL: none in time. */
static char *read_answer(int fd)
{
    uint64_t until = clock_boot_usec() + ANSWER_USEC;
    char *text = malloc(ANSWER_BYTES);
    size_t have = 0;
    while (text && have < ANSWER_BYTES - 1 && clock_boot_usec() < until) {
        ssize_t n = recv(fd, text + have, ANSWER_BYTES - 1 - have, 0);
        if (n < 0)
            break;
        have += (size_t)n;
        if (n == 0) {
            text[have] = '\0';
            return text;
        }
    }
    free(text);
    return NULL;
}

/* GET /containers/NAME/json: Docker's API, which podman's service has too. */
static void ask_engine(const char *socket_path, const char *container, struct found *found)
{
    char request[NAME_MAX_LEN + 100];
    int fd = connect_to(socket_path);
    if (fd < 0)
        return;
    int len = snprintf(request, sizeof request, "GET /containers/%s/json HTTP/1.0\r\nHost: engine\r\n\r\n", container);
    char *answer = send(fd, request, (size_t)len, MSG_NOSIGNAL) == len ? read_answer(fd) : NULL;
    close(fd);
    if (!answer)
        found->silent = socket_path;
    const char *body = answer ? strstr(answer, "\r\n\r\n") : NULL;
    if (body && strncmp(answer, "HTTP/1.", 7) == 0 && strncmp(answer + 8, " 200 ", 5) == 0) {
        json_t *root = json_loads(body + 4, 0, NULL);
        struct engine_container one = {0};
        read_container(root, &one);
        take(found, &one);
        json_decref(root);
    }
    free(answer);
}

/* conmon stands beside what `podman exec` starts too. */
static bool is_exec(const char *text, size_t len)
{
    for (const char *at = text; at < text + len; at += strlen(at) + 1)
        if (strncmp(at, "--exec", 6) == 0)
            return true;
    return false;
}

/* Where an option of conmon's stands in front of this value: "-n NAME", "-c ID" (or the first 12 and more of it). */
static bool option_is(const char *text, size_t len, char option, const char *value, bool beginning)
{
    for (const char *at = text; at < text + len; at += strlen(at) + 1) {
        const char *next = at + strlen(at) + 1;
        if (at[0] == '-' && at[1] == option && !at[2] && next < text + len &&
            (beginning ? strlen(value) >= 12 && strncmp(next, value, strlen(value)) == 0 : strcmp(next, value) == 0))
            return true;
    }
    return false;
}

/* An engine's monitors stay in its network namespace: one in another is something in a container, under that name. */
static bool in_namespace(int proc, const char *namespace)
{
    char text[64];
    return process_proc_link(proc, "ns/net", text, sizeof text) && strcmp(text, namespace) == 0;
}

static bool in_cgroups(pid_t pid, const json_t *held)
{
    char path[PATH_MAX];
    size_t i;
    json_t *text;
    if (json_array_size(held) == 0 || !cgroup_of(pid, path, NULL))
        return false;
    json_array_foreach(held, i, text)
    {
        if (cgroup_is_below(path, json_string_value(text)))
            return true;
    }
    return false;
}

/* Processes in /proc: of each its parent is told, and what conmon was asked for. */
static void ask_monitors(const char *container, const json_t *held, struct found *found)
{
    static pid_t monitor[1024]; /* one thread */
    unsigned monitors = 0;
    char own[64];
    int self = process_proc_open(getpid());
    bool known = self >= 0 && process_proc_link(self, "ns/net", own, sizeof own);
    if (self >= 0)
        close(self);
    if (!known)
        return;
    for (unsigned round = 0; round < 2; round++) {
        DIR *dir = opendir("/proc");
        for (struct dirent *entry; dir && (entry = readdir(dir));) {
            char text[16384];
            pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10), parent = 0;
            uint64_t start;
            int proc = pid > 0 ? process_proc_open(pid) : -1;
            if (proc < 0)
                continue;
            if (round == 0 && process_proc_read(proc, "comm", text, sizeof text) && strcmp(text, "conmon\n") == 0 &&
                in_namespace(proc, own) && !in_cgroups(pid, held)) {
                size_t len = process_proc_read(proc, "cmdline", text, sizeof text);
                if (monitors < sizeof monitor / sizeof *monitor && !is_exec(text, len) &&
                    (option_is(text, len, 'n', container, false) || option_is(text, len, 'c', container, true)))
                    monitor[monitors++] = pid;
            } else if (round == 1 && process_proc_stat(proc, &parent, &start)) {
                for (unsigned i = 0; i < monitors; i++)
                    if (monitor[i] == parent)
                        take(found, &(struct engine_container){.pid = pid});
            }
            close(proc);
        }
        if (dir)
            closedir(dir);
    }
}

bool engine_find(const char *container, const json_t *held, struct engine_container *out, struct error *e)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    static const char *const sockets[] = {"/run/docker.sock", "/run/podman/podman.sock"};
    struct found found = {0};
    if (!container[0] || strchr("_.-", container[0]) || container[strspn(container, letters)] ||
        strlen(container) > NAME_MAX_LEN)
        return error_set(e, ERROR_INPUT, 0, "container '%.60s': not a name or id of a container", container);
    for (unsigned i = 0; i < sizeof sockets / sizeof *sockets; i++)
        ask_engine(sockets[i], container, &found);
    ask_monitors(container, held, &found);
    if (found.count == 0 && found.silent)
        return error_set(e, ERROR_SYSTEM, 0, "container %s: the engine at %s does not answer", container, found.silent);
    if (found.count == 0)
        return error_set(e, ERROR_INPUT, 0, "container %s: no running one is known to Docker or podman", container);
    if (found.count > 1)
        return error_set(e, ERROR_INPUT, 0, "container %s: several have that name; say its id", container);
    *out = found.container;
    return true;
}
