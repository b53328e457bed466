/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files of a policy: the one that was named, and policy.d beside it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/document.h"
#include "policy/policy.h"

#define FILES_MAX 1024

struct files {
    unsigned count;
    struct policy_source source[FILES_MAX];
    char *path[FILES_MAX];
    uint8_t *text[FILES_MAX];
};

/* As root, a repository's "policy.yaml" may be a link to what only root reads, and errors show the line that is wrong.
 * So a link leads to files of its own owner, unless it is root's or the caller's. */
static int open_file(const char *path, struct error *e)
{
    struct stat link, st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
    if (fd >= 0 || errno != ELOOP) {
        if (fd < 0)
            error_set(e, ERROR_INPUT, errno, "cannot open %s", path);
        return fd;
    }
    bool known = lstat(path, &link) == 0;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || !known || fstat(fd, &st) != 0) {
        error_set(e, ERROR_INPUT, errno, "cannot open %s", path);
    } else if (link.st_uid != 0 && link.st_uid != geteuid() && link.st_uid != st.st_uid) {
        error_set(e, ERROR_INPUT, 0, "%s is a link that another user made to a file that is not his; name the file",
                  path);
    } else {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* A regular file of at most DOCUMENT_MAX_BYTES, whole. */
static bool read_regular(const char *path, uint8_t **out, size_t *out_len, struct error *e)
{
    int fd = open_file(path, e);
    struct stat st;
    size_t len = 0;
    uint8_t *text = NULL;
    bool ok = false;
    if (fd < 0)
        return false;
    if (fstat(fd, &st) != 0)
        error_set(e, ERROR_SYSTEM, errno, "cannot read %s", path);
    else if (!S_ISREG(st.st_mode))
        error_set(e, ERROR_INPUT, 0, "%s is not a regular file", path);
    else if (st.st_size > DOCUMENT_MAX_BYTES)
        error_set(e, ERROR_INPUT, 0, "%s:1:1: the file is larger than 64 MiB", path);
    else if (!(text = malloc((size_t)st.st_size + 1)))
        error_set(e, ERROR_LIMIT, 0, "no memory for %s", path);
    else
        ok = true;
    while (ok && len < (size_t)st.st_size) { /* a file that grows meanwhile is read as long as it was */
        ssize_t n = read(fd, text + len, (size_t)st.st_size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            ok = error_set(e, ERROR_SYSTEM, errno, "cannot read %s", path);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    close(fd);
    if (!ok) {
        free(text);
        return false;
    }
    *out = text;
    *out_len = len;
    return true;
}

static bool add_file(struct files *f, const char *path, struct error *e)
{
    size_t len = 0;
    if (f->count == FILES_MAX)
        return error_set(e, ERROR_LIMIT, 0, "more than %d files in policy.d", FILES_MAX - 1);
    if (!read_regular(path, &f->text[f->count], &len, e))
        return false;
    f->path[f->count] = strdup(path);
    if (!f->path[f->count]) {
        free(f->text[f->count]);
        return error_set(e, ERROR_LIMIT, 0, "no memory for %s", path);
    }
    f->source[f->count] = (struct policy_source){.file = f->path[f->count], .text = {f->text[f->count], len}};
    f->count++;
    return true;
}

static int is_yaml(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

static int by_bytes(const struct dirent **a,
                    const struct dirent **b) /* not by locale: the order must not depend on it */
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool add_directory(struct files *f, const char *main_path, struct error *e)
{
    const char *slash = strrchr(main_path, '/');
    int dir_len = slash ? (int)(slash - main_path) + 1 : 0;
    char *directory, *path;
    struct dirent **entry;
    bool ok = true;
    if (asprintf(&directory, "%.*spolicy.d", dir_len, main_path) < 0)
        return error_set(e, ERROR_LIMIT, 0, "no memory for the policy");
    int count = scandir(directory, &entry, is_yaml, by_bytes);
    if (count < 0) {
        ok = errno == ENOENT || errno == ENOTDIR || error_set(e, ERROR_INPUT, errno, "cannot read %s", directory);
        free(directory);
        return ok;
    }
    for (int i = 0; i < count; i++) {
        if (ok && asprintf(&path, "%s/%s", directory, entry[i]->d_name) < 0)
            ok = error_set(e, ERROR_LIMIT, 0, "no memory for the policy");
        if (ok) {
            ok = add_file(f, path, e);
            free(path);
        }
        free(entry[i]);
    }
    free(entry);
    free(directory);
    return ok;
}

bool policy_bundle_load(const char *path, const struct policy_system *system, const struct policy_ids *ids,
                        struct bytes *out, struct error *e)
{
    struct files *f = calloc(1, sizeof *f);
    if (!f)
        return error_set(e, ERROR_LIMIT, 0, "no memory for the policy");
    bool ok = add_file(f, path, e) && add_directory(f, path, e) &&
              policy_bundle_make(f->source, f->count, system, ids, out, e);
    for (unsigned i = 0; i < f->count; i++) {
        free(f->path[i]);
        free(f->text[i]);
    }
    free(f);
    return ok;
}
