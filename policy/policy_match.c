/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/policy_match.h"

#include <string.h>

#include "policy/text.h"

#define INTERFACE_MAX 15 /* IFNAMSIZ - 1 */

/* Takes a first part of a path off. */
static bool skip_part(struct bytes *path, const char *part)
{
    size_t len = strlen(part);
    if (path->len < len || memcmp(path->at, part, len) != 0 || (path->len > len && path->at[len] != '/'))
        return false;
    *path = (struct bytes){path->at + len, path->len - len};
    return true;
}

/* Where a shell finds the cgroup: taken for a path below the mount, it would be one that holds nothing, for ever. */
static bool refuse_mounted(struct bytes path, struct error *e)
{
    char quoted[TEXT_QUOTE_SIZE];
    if (!skip_part(&path, "/sys/fs/cgroup"))
        return true;
    (void)skip_part(&path, "/unified"); /* beside cgroup v1 */
    if (path.len == 0)
        return error_set(e, ERROR_INPUT, 0,
                         "this is where cgroup v2 is mounted; write a path below it, such as /system.slice/x.service");
    return error_set(e, ERROR_INPUT, 0,
                     "a cgroup is its path below the cgroup2 mount, without /sys/fs/cgroup: write %s",
                     text_quote(path, quoted));
}

/* A path as the kernel would print it: nothing in it is resolved, so nothing in it may need to be. */
static bool cgroup_good(struct bytes text, size_t *at, struct error *e)
{
    if (text.len < 2 || text.len > 4095 || text.at[0] != '/' || text.at[text.len - 1] == '/')
        return error_set(e, ERROR_INPUT, 0,
                         "a cgroup is its path below the cgroup2 mount, for example /system.slice/x.service");
    for (size_t start = 1; start < text.len;) {
        const uint8_t *slash = memchr(text.at + start, '/', text.len - start);
        size_t len = slash ? (size_t)(slash - text.at) - start : text.len - start;
        const char *part = (const char *)text.at + start;
        *at = start - 1;
        if (len == 0 || (len == 1 && part[0] == '.') || (len == 2 && memcmp(part, "..", 2) == 0))
            return error_set(e, ERROR_INPUT, 0, "a cgroup's path has no empty, \".\" or \"..\" parts");
        start += len + 1;
    }
    for (*at = 0; *at < text.len; ++*at) {
        if (text.at[*at] < 0x20 || text.at[*at] == 0x7f)
            return error_set(e, ERROR_INPUT, 0, "a cgroup's path holds no control characters");
    }
    *at = 0;
    return refuse_mounted(text, e);
}

static bool interface_good(struct bytes text, struct error *e)
{
    size_t len = text.len && text.at[text.len - 1] == '*' ? text.len - 1 : text.len;
    if (len == 0 && text.len)
        return error_set(e, ERROR_INPUT, 0, "this would be every interface; name them, or write unmatched: refuse");
    bool good = len > 0 && len <= INTERFACE_MAX && !(len == 1 && text.at[0] == '.') &&
                !(len == 2 && memcmp(text.at, "..", 2) == 0);
    for (size_t i = 0; good && i < len; i++)
        good = text.at[i] > 0x20 && text.at[i] < 0x7f && !strchr("/*:\"\\", text.at[i]);
    if (!good)
        return error_set(e, ERROR_INPUT, 0, "an interface is a name of at most %d bytes, such as docker0 or \"br-*\"",
                         INTERFACE_MAX);
    if (len == text.len && len == 2 && memcmp(text.at, "lo", 2) == 0)
        return error_set(e, ERROR_INPUT, 0, "loopback is no interface that traffic comes in by; match a cgroup");
    return true;
}

static bool source_good(struct bytes text, struct address_range *out, struct error *e)
{
    char quoted[TEXT_QUOTE_SIZE];
    if (address_range_parse(text, out))
        return true;
    return error_set(e, ERROR_INPUT, 0,
                     "\"%s\" is no range of addresses, or bits are set behind its prefix; write 10.0.5.0/24 or "
                     "2001:db8::/32",
                     text_quote(text, quoted));
}

bool policy_match_parse(enum policy_match kind, struct bytes text, struct address_range *source, size_t *at,
                        struct error *e)
{
    *at = 0;
    if (kind == POLICY_SOURCE)
        return source_good(text, source, e);
    return kind == POLICY_CGROUP ? cgroup_good(text, at, e) : interface_good(text, e);
}
