/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/system.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define UPLINKS        "/run/systemd/resolve/resolv.conf"
#define RESOLV_MAX     65536
#define SEARCH_DOMAINS (sizeof((struct policy_system *)0)->search_domain / sizeof(struct name))

/* The next word of a line; len 0 at its end. */
static struct bytes next_word(struct bytes *line)
{
    size_t start = 0;
    while (start < line->len && (line->at[start] == ' ' || line->at[start] == '\t' || line->at[start] == '\r'))
        start++;
    size_t end = start;
    while (end < line->len && line->at[end] != ' ' && line->at[end] != '\t' && line->at[end] != '\r')
        end++;
    struct bytes word = {line->at + start, end - start};
    *line = (struct bytes){line->at + end, line->len - end};
    return word;
}

static bool word_is(struct bytes word, const char *text)
{
    return word.len == strlen(text) && memcmp(word.at, text, word.len) == 0;
}

static void add_nameserver(struct bytes word, struct policy_system *out, bool *zoned)
{
    struct address a;
    if (word.len && memchr(word.at, '%', word.len)) {
        *zoned = true;
        return;
    }
    if (!address_parse(word, &a) || out->resolvers == POLICY_RESOLVERS_MAX)
        return;
    for (unsigned i = 0; i < out->resolvers; i++) {
        if (address_equal(&a, &out->resolver[i]))
            return;
    }
    out->resolver[out->resolvers++] = a;
}

void system_resolv_conf(struct bytes text, bool search, struct policy_system *out, bool *zoned)
{
    while (text.len) {
        const uint8_t *newline = memchr(text.at, '\n', text.len);
        struct bytes line = {text.at, newline ? (size_t)(newline - text.at) : text.len};
        size_t whole = newline ? line.len + 1 : line.len;
        text = (struct bytes){text.at + whole, text.len - whole};
        struct bytes word = next_word(&line);
        if (word_is(word, "nameserver"))
            add_nameserver(next_word(&line), out, zoned);
        if (!search || !(word_is(word, "search") || word_is(word, "domain")))
            continue;
        out->search_domains = 0; /* the last line counts */
        for (word = next_word(&line); word.len && out->search_domains < SEARCH_DOMAINS; word = next_word(&line)) {
            if (name_from_person(word, &out->search_domain[out->search_domains]))
                out->search_domains++;
        }
    }
}

bool system_has_stub(const struct policy_system *system)
{
    static const struct address stubs[] = {{4, {127, 0, 0, 53}}, {4, {127, 0, 0, 54}}};
    for (unsigned i = 0; i < system->resolvers; i++) {
        if (address_equal(&system->resolver[i], &stubs[0]) || address_equal(&system->resolver[i], &stubs[1]))
            return true;
    }
    return false;
}

/* At most `size` bytes; a file that is not there is empty.  What is beyond is not looked at, as by the C library. */
static bool read_file(const char *path, uint8_t *buffer, size_t size, struct bytes *out, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    size_t len = 0;
    *out = (struct bytes){buffer, 0};
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || error_set(e, ERROR_SYSTEM, errno, "cannot open %s", path);
    while (len < size) {
        ssize_t n = read(fd, buffer + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int reason = errno;
            close(fd);
            return error_set(e, ERROR_SYSTEM, reason, "cannot read %s", path);
        }
        if (n == 0)
            break;
        len += (size_t)n;
    }
    close(fd);
    out->len = len;
    return true;
}

bool policy_system_read(const char *resolv_conf, struct policy_system *out, struct error *e)
{
    static const struct address localhost = {4, {127, 0, 0, 1}};
    uint8_t buffer[RESOLV_MAX];
    struct policy_system system = {0};
    struct bytes text;
    bool zoned = false;
    char host[HOST_NAME_MAX + 1] = "";
    if (!read_file(resolv_conf, buffer, sizeof buffer, &text, e))
        return false;
    system_resolv_conf(text, true, &system, &zoned);
    if (system_has_stub(&system)) {
        if (!read_file(UPLINKS, buffer, sizeof buffer, &text, e))
            return false;
        bool uplink_zoned = false;
        system_resolv_conf(text, false, &system, &uplink_zoned);
    }
    if (system.resolvers == 0 && zoned)
        return error_set(e, ERROR_INPUT, 0,
                         "%s names only link-local resolvers with a zone (%%eth0), which cannot be pinned; add one "
                         "without a zone",
                         resolv_conf);
    if (system.resolvers == 0) /* resolv.conf(5): then it is the local machine */
        system.resolver[system.resolvers++] = localhost;
    if (gethostname(host, sizeof host - 1) == 0 &&
        !name_from_person((struct bytes){(const uint8_t *)host, strlen(host)}, &system.host_name))
        system.host_name = (struct name){0};
    *out = system;
    return true;
}
