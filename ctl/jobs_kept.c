/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs on their way to the next gate: a file below NUMBER_DIRECTORY, replaced whole with each change.  Where a service
 * manager keeps the policy in force, they are in that; without one, or where what it kept cannot be gone on with, a
 * gate that did not know them would replace the rules that hold them, and open them (law 3). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/jobs.h"
#include "ctl/kept.h"
#include "ctl/number.h"
#include "policy/policy.h"

#define FILE_NAME "jobs.json"

/* Which start of the machine this is; "": not known. */
static void boot_id(char out[64])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, 63) : 0;
    out[n > 0 ? n : 0] = 0;
    out[strcspn(out, "\n")] = 0;
    if (fd >= 0)
        close(fd);
}

void jobs_kept_forget(void)
{
    char path[PATH_MAX];
    if (number_path(FILE_NAME, path, sizeof path, NULL))
        (void)unlink(path);
}

bool jobs_keep(const struct jobs *jobs, const struct policy *policy, struct error *e)
{
    char boot[64], path[PATH_MAX];
    if (jobs->count == 0) {
        jobs_kept_forget();
        return true;
    }
    boot_id(boot);
    if (!boot[0] || !kept_netns())
        return error_set(e, ERROR_SYSTEM, 0, "this start of the machine, or this network namespace, cannot be told");
    json_t *rows = json_array(),
           *root = json_pack("{s:s, s:I, s:o}", "boot", boot, "netns", (json_int_t)kept_netns(), "jobs", rows);
    for (unsigned i = 0; i < jobs->count; i++) {
        const struct policy_scope *scope = policy_scope_named(policy, jobs->job[i]->scope);
        json_array_append_new(
            rows, json_pack("{s:O, s:s}", "order", jobs->job[i]->order, "phase", scope ? scope->phase : ""));
    }
    char *text = json_array_size(rows) == jobs->count ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    bool ok = text ? number_path(FILE_NAME, path, sizeof path, e) && number_write(path, text, e)
                   : error_set(e, ERROR_LIMIT, 0, "no memory to keep the jobs");
    free(text);
    return ok;
}

/* *root: what the file says; NULL: there is none, or it is of another start of the machine or another namespace. */
static bool read_file(const char *path, json_t **root, struct error *e)
{
    char boot[64];
    struct stat st;
    json_error_t wrong = {.text = ""};
    *root = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT || error_set(e, ERROR_SYSTEM, errno, "cannot read %s", path);
    bool ours = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 && !(st.st_mode & 077);
    json_t *found = ours ? json_loadfd(fd, 0, &wrong) : NULL;
    close(fd);
    if (!found)
        return error_set(e, ERROR_INPUT, 0, "%s: %s", path, ours ? wrong.text : "it is not a file of root's alone");
    boot_id(boot);
    const char *of = json_string_value(json_object_get(found, "boot"));
    uint64_t here = kept_netns(), netns = (uint64_t)json_integer_value(json_object_get(found, "netns"));
    bool known = of && *of && netns && boot[0] && here; /* only what is known to be another's is not ours */
    if (known && strcmp(of, boot) == 0 && netns == here)
        *root = found;
    else
        json_decref(found);
    return known || error_set(e, ERROR_INPUT, 0,
                              "%s: of which start of the machine it is cannot be told; 'sluice down' "
                              "removes it, with what it holds",
                              path);
}

/* One job's source; its phase becomes a row of the ids. */
static bool take_row(const json_t *row, struct policy_source *source, struct policy_ids *ids)
{
    const json_t *order = json_object_get(row, "order");
    const char *id = json_string_value(json_object_get(order, "id"));
    const char *phase = json_string_value(json_object_get(row, "phase"));
    char name[JOBS_SOURCE_SIZE];
    if (!id || !phase || !jobs_id_good(id) || strlen(phase) >= POLICY_PHASE_SIZE)
        return false;
    if (*phase) {
        unsigned n = ids->count;
        if (n == POLICY_SCOPES_MAX || n > (unsigned)(ids->last - ids->first))
            return false;
        struct policy_id *to = &ids->row[ids->count++];
        to->id = (uint16_t)(ids->first + n);
        snprintf(to->name, sizeof to->name, POLICY_JOB_NAME "%s", id);
        snprintf(to->phase, sizeof to->phase, "%s", phase);
    }
    jobs_source_name(id, name);
    char *text = jobs_source_text(order);
    *source = (struct policy_source){
        .file = strdup(name), .text = {(const uint8_t *)text, text ? strlen(text) : 0}, .job = true};
    return source->file && text;
}

bool jobs_kept(struct bytes *out, unsigned *count, struct policy_ids *ids, struct error *e)
{
    char path[PATH_MAX];
    json_t *root, *row;
    size_t i;
    *count = 0;
    *out = (struct bytes){0};
    if (!number_path(FILE_NAME, path, sizeof path, e) || !read_file(path, &root, e))
        return false;
    const json_t *rows = json_object_get(root, "jobs");
    size_t size = json_array_size(rows);
    struct policy_source *source = size <= JOBS_MAX ? calloc(size + 1, sizeof *source) : NULL;
    bool ok = source && (!root || json_is_array(rows));
    json_array_foreach(rows, i, row) ok = ok && take_row(row, &source[i], ids);
    if (!ok)
        error_set(e, ERROR_INPUT, 0, "%s cannot be understood; 'sluice down' removes it, with what it holds", path);
    ok = ok && (size == 0 || policy_bundle_make(source, (unsigned)size, NULL, NULL, out, e));
    *count = ok ? (unsigned)size : 0;
    for (i = 0; source && i < size; i++) {
        free((void *)(uintptr_t)source[i].file);
        free((void *)(uintptr_t)source[i].text.at);
    }
    free(source);
    json_decref(root);
    return ok;
}
