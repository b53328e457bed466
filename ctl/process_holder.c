/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/process_holder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/process_proc.h"

#define HOLDER_DESCRIPTORS_MAX 65536
#define HOLDER_TASKS_MAX       4096
#define HOLDER_LEVELS_MAX      32
#define HOLDER_CHILDREN_MAX    PROCESS_HOLDER_PIDS /* each has one parent */

/* A part of one of the arrays below. */
struct holder_part {
    uint32_t first, count;
    bool read;
};

struct holder_process {
    pid_t pid;
    struct holder_part own, threads, children; /* its table's sockets; its threads' tables'; indices of its children */
};

struct process_holders {
    unsigned count;
    bool sorted;               /* the greatest pid first */
    pid_t last;                /* who it was the last time: looked at first */
    unsigned inodes, children; /* used */
    unsigned budget, tasks;    /* descriptors and threads that may still be looked at */
    struct holder_process process[PROCESS_HOLDER_PIDS];
    uint64_t inode[HOLDER_DESCRIPTORS_MAX];
    uint16_t child[HOLDER_CHILDREN_MAX];
};

struct process_holders *process_holders_new(void)
{
    return calloc(1, sizeof(struct process_holders)); /* of its pages few are ever touched */
}

void process_holders_free(struct process_holders *h)
{
    free(h);
}

void process_holders_clear(struct process_holders *h)
{
    h->count = h->inodes = h->children = 0;
    h->sorted = false;
    h->budget = HOLDER_DESCRIPTORS_MAX;
    h->tasks = HOLDER_TASKS_MAX;
}

void process_holders_add(struct process_holders *h, pid_t pid)
{
    if (h->count < PROCESS_HOLDER_PIDS)
        h->process[h->count++] = (struct holder_process){.pid = pid};
}

pid_t process_holders_any(const struct process_holders *h)
{
    return h->count ? h->process[0].pid : 0;
}

static int younger(const void *a, const void *b)
{
    const struct holder_process *x = a, *y = b;
    return x->pid < y->pid ? 1 : x->pid > y->pid ? -1 : 0;
}

static struct holder_process *holder_process(struct process_holders *h, pid_t pid)
{
    struct holder_process key = {.pid = pid};
    return bsearch(&key, h->process, h->count, sizeof key, younger);
}

/* The directory `name` below `at`; NULL: none. */
static DIR *open_below(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir && fd >= 0)
        close(fd);
    return dir;
}

/* Adds the sockets of a descriptor table. */
static void read_table(struct process_holders *h, int at, const char *table)
{
    DIR *dir = open_below(at, table);
    for (struct dirent *entry; dir && h->budget && (entry = readdir(dir));) {
        char link[48];
        if (entry->d_name[0] == '.')
            continue;
        h->budget--;
        if (process_proc_link(dirfd(dir), entry->d_name, link, sizeof link) && strncmp(link, "socket:[", 8) == 0)
            h->inode[h->inodes++] = strtoull(link + 8, NULL, 10); /* the budget is as large as the array */
    }
    if (dir)
        closedir(dir);
}

/* The descriptor tables of the threads, which may have left the leader's (unshare(CLONE_FILES)). */
static void read_threads(struct process_holders *h, int proc)
{
    DIR *dir = open_below(proc, "task");
    for (struct dirent *entry; dir && h->budget && h->tasks && (entry = readdir(dir));) {
        char table[300];
        if (entry->d_name[0] == '.')
            continue;
        h->tasks--;
        snprintf(table, sizeof table, "%s/fd", entry->d_name);
        read_table(h, dirfd(dir), table);
    }
    if (dir)
        closedir(dir);
}

/* The children that are in the set, of each thread. */
static void read_children(struct process_holders *h, int proc)
{
    char path[300], text[4096];
    DIR *dir = open_below(proc, "task");
    for (struct dirent *entry; dir && h->tasks && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        h->tasks--;
        snprintf(path, sizeof path, "%s/children", entry->d_name);
        process_proc_read(dirfd(dir), path, text, sizeof text);
        for (char *at = text; *at >= '0' && *at <= '9'; at += strspn(at, " ")) {
            const struct holder_process *child = holder_process(h, (pid_t)strtol(at, &at, 10));
            if (child && h->children < HOLDER_CHILDREN_MAX)
                h->child[h->children++] = (uint16_t)(child - h->process);
        }
    }
    if (dir)
        closedir(dir);
}

static void read_part(struct process_holders *h, const struct holder_process *p, struct holder_part *part,
                      void (*read)(struct process_holders *h, int proc), const unsigned *used)
{
    part->read = true;
    part->first = *used;
    int proc = process_proc_open(p->pid);
    if (proc < 0)
        return;
    read(h, proc);
    close(proc);
    part->count = *used - part->first;
}

static void read_own(struct process_holders *h, int proc)
{
    read_table(h, proc, "fd");
}

/* The score of the best socket that the process holds; 0: none. */
static unsigned score_of(struct process_holders *h, struct holder_process *p, const struct process_sockets *sockets,
                         bool threads)
{
    unsigned best = 0;
    struct holder_part *part = threads ? &p->threads : &p->own;
    if (!part->read)
        read_part(h, p, part, threads ? read_threads : read_own, &h->inodes);
    for (uint32_t k = 0; k < part->count; k++)
        for (unsigned i = 0; i < sockets->count; i++)
            if (sockets->socket[i].inode == h->inode[part->first + k] && sockets->socket[i].score > best)
                best = sockets->socket[i].score;
    return best;
}

/* The first child in the set that holds the socket too; NULL: none. */
static struct holder_process *heir_of(struct process_holders *h, struct holder_process *p,
                                      const struct process_sockets *sockets, bool threads, unsigned least)
{
    if (!p->children.read)
        read_part(h, p, &p->children, read_children, &h->children);
    for (uint32_t i = 0; i < p->children.count; i++) {
        struct holder_process *child = &h->process[h->child[p->children.first + i]];
        if (score_of(h, child, sockets, threads) >= least)
            return child;
    }
    return NULL;
}

static pid_t find_in(struct process_holders *h, const struct process_sockets *sockets, bool threads, unsigned best)
{
    unsigned found_score = 0;
    struct holder_process *found = NULL, *first = holder_process(h, h->last);
    if (first && (found_score = score_of(h, first, sockets, threads)))
        found = first;
    /* The greatest pids first: they are mostly the young ones, and an old process cannot use up the budget before them.
     */
    for (unsigned i = 0; i < h->count && found_score < best; i++) {
        unsigned score = score_of(h, &h->process[i], sockets, threads);
        if (score > found_score) {
            found_score = score;
            found = &h->process[i];
        }
    }
    /* A shell and what it started may both hold it: the youngest is the one that acts. */
    for (unsigned levels = 0; found && levels < HOLDER_LEVELS_MAX; levels++) {
        struct holder_process *heir = heir_of(h, found, sockets, threads, found_score);
        if (!heir)
            break;
        found = heir;
    }
    return found ? found->pid : 0;
}

pid_t process_holders_find(struct process_holders *h, const struct process_sockets *sockets)
{
    unsigned best = 0;
    for (unsigned i = 0; i < sockets->count; i++)
        best = sockets->socket[i].score > best ? sockets->socket[i].score : best;
    if (!h->sorted)
        qsort(h->process, h->count, sizeof *h->process, younger);
    h->sorted = true;
    pid_t found = find_in(h, sockets, false, best);
    if (!found)
        found = find_in(h, sockets, true, best);
    h->last = found;
    return found;
}
