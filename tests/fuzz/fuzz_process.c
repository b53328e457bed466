/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/process_proc, process_secret and package: what a process writes about itself.  The files of /proc/PID are those
 * of a folder made for it; ctl/package.c is taken in whole, for its walk begins at a pid.
 * Input: stat, cmdline, environ, cwd, exe and PKG-INFO, divided by 0xff. */
#include "ctl/package.c" /* NOLINT */

#include "ctl/process_socket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int folder = -1;

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void put_file(const char *name, struct bytes text)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    require(fd >= 0 && (text.len == 0 || write(fd, text.at, text.len) == (ssize_t)text.len));
    close(fd);
}

static void put_link(const char *name, struct bytes text)
{
    char target[1000] = "/";
    package_copy(target + 1, sizeof target - 1, text.len ? (const char *)text.at : "", text.len);
    unlinkat(folder, name, 0);
    require(symlinkat(target, folder, name) == 0);
}

static char path[] = "/dev/shm/sluice-fuzz-XXXXXX";

static void clean(void)
{
    static const char *const files[] = {"stat", "cmdline", "environ", "cwd", "exe", "root/tree_x/PKG-INFO"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlinkat(folder, files[i], 0);
    unlinkat(folder, "root/tree_x", AT_REMOVEDIR);
    unlinkat(folder, "root", AT_REMOVEDIR);
    rmdir(path);
}

static void prepare(void)
{
    require(mkdtemp(path));
    folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    require(folder >= 0 && mkdirat(folder, "root", 0700) == 0 && mkdirat(folder, "root/tree_x", 0700) == 0);
    atexit(clean);
}

static struct bytes part(struct reader *r)
{
    struct bytes all = reader_bytes(r, reader_left(r));
    const uint8_t *end = all.len ? memchr(all.at, 0xff, all.len) : NULL;
    size_t len = end ? (size_t)(end - all.at) : all.len;
    *r = reader_init((struct bytes){all.at, all.len}, false);
    struct bytes got = reader_bytes(r, len);
    reader_bytes(r, end ? 1 : 0);
    return got;
}

static bool ended(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static void claim(void)
{
    static char environ_text[PACKAGE_ENVIRON_MAX];
    static struct package_level l;
    struct package_found found[PACKAGE_KINDS] = {0};
    l = (struct package_level){.proc = folder, .environ = environ_text};
    for (unsigned level = 0; level < 2; level++) {
        package_level_read(&l);
        package_judge(&l, level, found);
    }
    for (unsigned k = 0; k < PACKAGE_KINDS; k++)
        require(ended(found[k].name, sizeof found[k].name) && ended(found[k].version, sizeof found[k].version) &&
                ended(found[k].stage, sizeof found[k].stage));
    static struct package_found tree;
    if (package_python_tree(&l, "/tree_x", &tree))
        require(tree.name[0] && ended(tree.name, sizeof tree.name) && ended(tree.version, sizeof tree.version));
}

static void mask(void)
{
    char text[2048];
    size_t len = process_proc_read(folder, "cmdline", text, sizeof text);
    require(len < sizeof text);
    process_proc_join(text, len);
    char *exact = strdup(text); /* in place, and within its own length */
    require(exact);
    process_mask_secrets(exact);
    require(strlen(exact) <= strlen(text));
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pid_t parent;
    uint64_t start;
    if (folder < 0)
        prepare();
    struct reader r = reader_init((struct bytes){data, size}, false);
    put_file("stat", part(&r));
    put_file("cmdline", part(&r));
    put_file("environ", part(&r));
    put_link("cwd", part(&r));
    put_link("exe", part(&r));
    put_file("root/tree_x/PKG-INFO", part(&r));
    process_proc_stat(folder, &parent, &start);
    mask();
    claim();
    return 0;
}
