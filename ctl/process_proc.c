/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/process_proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/process.h"
#include "ctl/process_socket.h"

#define PROCESS_DESCRIPTORS_MAX 65536
#define PROCESS_TASKS_MAX       4096
#define PROCESS_LEVELS_MAX      32

int process_proc_open(pid_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

size_t process_proc_read(int proc, const char *name, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    int fd = openat(proc, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return 0;
    while (len < size - 1) {
        ssize_t n = read(fd, out + len, size - 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    close(fd);
    out[len] = '\0';
    return len;
}

size_t process_proc_link(int proc, const char *name, char *out, size_t size)
{
    ssize_t n = readlinkat(proc, name, out, size - 1);
    out[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

bool process_proc_stat(int proc, pid_t *parent, uint64_t *start)
{
    char text[1024];
    int ppid;
    unsigned long long ticks;
    if (!process_proc_read(proc, "stat", text, sizeof text))
        return false;
    /* comm may hold anything, ") " too: the last bracket ends it (proc(5)). */
    const char *after = strrchr(text, ')');
    if (!after || sscanf(after, ") %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                         &ppid, &ticks) != 2)
        return false;
    *parent = ppid;
    *start = ticks;
    return true;
}

void process_proc_join(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!text[i])
            text[i] = ' ';
    while (len && text[len - 1] == ' ') /* npm writes its title over its arguments and the rest stays empty */
        text[--len] = '\0';
}

#define PROCESS_COMM_CUT 15 /* TASK_COMM_LEN without its NUL: a longer name was cut by the kernel */

/* A program that writes a sentence there ("npm install is-odd") has it cut in a word: its first word says who it is. */
static void process_proc_comm(int proc, char *out, size_t size)
{
    size_t n = process_proc_read(proc, "comm", out, size);
    if (n && out[n - 1] == '\n')
        out[--n] = '\0';
    char *space = n == PROCESS_COMM_CUT ? strchr(out, ' ') : NULL;
    if (space && space != out)
        *space = '\0';
}

bool process_proc_names(pid_t pid, struct event_process *out)
{
    char text[4096];
    uint64_t start;
    pid_t parent;
    int proc = process_proc_open(pid);
    if (proc < 0)
        return false;
    *out = (struct event_process){.pid = pid};
    if (!process_proc_stat(proc, &parent, &start)) {
        close(proc);
        *out = (struct event_process){0};
        return false;
    }
    process_proc_comm(proc, out->name, sizeof out->name);
    process_proc_link(proc, "exe", out->executable, sizeof out->executable);
    process_proc_read(proc, "status", text, sizeof text);
    const char *uid = strstr(text, "\nUid:"); /* Name: comes first, with its newlines escaped */
    if (uid)
        out->uid = (uint32_t)strtoul(uid + 5, NULL, 10);
    close(proc);
    out->parent_pid = parent;
    int above = process_proc_open(parent);
    if (above >= 0) {
        process_proc_comm(above, out->parent_name, sizeof out->parent_name);
        close(above);
    }
    return true;
}

void process_proc_details(pid_t pid, struct event_process *out)
{
    char text[2048]; /* secrets are masked in a longer text than is kept, so that none is cut in two unseen */
    int proc = process_proc_open(pid);
    if (proc < 0)
        return;
    size_t n = process_proc_read(proc, "cmdline", text, sizeof text);
    close(proc);
    process_proc_join(text, n);
    char *cut = n == sizeof text - 1 ? strrchr(text, ' ') : NULL;
    if (cut) /* the last word is not whole */
        *cut = '\0';
    process_mask_secrets(text);
    snprintf(out->command_line, sizeof out->command_line, "%.*s", (int)sizeof out->command_line - 1, text);
    package_claim(pid, out);
}

bool process_describe(pid_t pid, struct event_process *out)
{
    if (!process_proc_names(pid, out))
        return false;
    process_proc_details(pid, out);
    return true;
}

/* The score of the best socket that a descriptor table holds; 0: none. */
static unsigned process_proc_table(int proc, const char *table, const struct process_sockets *sockets, unsigned *budget)
{
    unsigned best = 0;
    int fd = openat(proc, table, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    for (struct dirent *entry; *budget && (entry = readdir(dir));) {
        char link[48];
        if (entry->d_name[0] == '.')
            continue;
        (*budget)--;
        if (!process_proc_link(fd, entry->d_name, link, sizeof link) || strncmp(link, "socket:[", 8) != 0)
            continue;
        uint64_t inode = strtoull(link + 8, NULL, 10);
        for (unsigned i = 0; i < sockets->count; i++)
            if (sockets->socket[i].inode == inode && sockets->socket[i].score > best)
                best = sockets->socket[i].score;
    }
    closedir(dir);
    return best;
}

/* The descriptor tables of the threads, which may have left the leader's (unshare(CLONE_FILES)). */
static unsigned process_proc_threads(int proc, const struct process_sockets *sockets, unsigned *budget, unsigned *tasks)
{
    unsigned best = 0;
    int fd = openat(proc, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    for (struct dirent *entry; *budget && *tasks && (entry = readdir(dir));) {
        char table[300];
        if (entry->d_name[0] == '.')
            continue;
        (*tasks)--;
        snprintf(table, sizeof table, "%s/fd", entry->d_name);
        unsigned score = process_proc_table(fd, table, sockets, budget);
        best = score > best ? score : best;
    }
    closedir(dir);
    return best;
}

static int process_proc_younger(const void *a, const void *b)
{
    pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

struct process_proc_search {
    const struct process_proc_pids *pids; /* sorted, the greatest pid first */
    const struct process_sockets *sockets;
    bool threads;           /* the threads' tables */
    unsigned budget, tasks; /* descriptors and threads that may still be looked at */
    unsigned score;         /* of what was found */
};

static unsigned process_proc_score(struct process_proc_search *s, pid_t pid)
{
    int proc = process_proc_open(pid);
    if (proc < 0)
        return 0;
    unsigned score = s->threads ? process_proc_threads(proc, s->sockets, &s->budget, &s->tasks)
                                : process_proc_table(proc, "fd", s->sockets, &s->budget);
    close(proc);
    return score;
}

/* The first child of `pid` in the scope that holds the socket too; 0: none. */
static pid_t process_proc_heir(struct process_proc_search *s, pid_t pid)
{
    char path[300], text[4096];
    pid_t heir = 0;
    int proc = process_proc_open(pid);
    int fd = proc < 0 ? -1 : openat(proc, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *entry; dir && !heir && s->tasks && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        s->tasks--;
        snprintf(path, sizeof path, "%s/children", entry->d_name);
        process_proc_read(fd, path, text, sizeof text);
        for (char *at = text; !heir && s->budget && *at >= '0' && *at <= '9'; at += strspn(at, " ")) {
            pid_t child = (pid_t)strtol(at, &at, 10);
            if (bsearch(&child, s->pids->pid, s->pids->count, sizeof child, process_proc_younger) &&
                process_proc_score(s, child) >= s->score)
                heir = child;
        }
    }
    if (dir)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
    if (proc >= 0)
        close(proc);
    return heir;
}

static pid_t process_proc_holder_in(struct process_proc_search *s, unsigned best_score)
{
    pid_t found = 0;
    const pid_t *first = bsearch(&s->pids->first, s->pids->pid, s->pids->count, sizeof *first, process_proc_younger);
    if (first && (s->score = process_proc_score(s, *first)))
        found = *first;
    /* The greatest pids first: they are mostly the young ones, and an old process cannot use up the budget before them.
     */
    for (unsigned i = 0; i < s->pids->count && s->budget && s->score < best_score; i++) {
        unsigned score = process_proc_score(s, s->pids->pid[i]);
        if (score > s->score) {
            s->score = score;
            found = s->pids->pid[i];
        }
    }
    /* A shell and what it started may both hold it: the youngest is the one that acts. */
    for (unsigned levels = 0; found && levels < PROCESS_LEVELS_MAX; levels++) {
        pid_t heir = process_proc_heir(s, found);
        if (!heir)
            break;
        found = heir;
    }
    return found;
}

pid_t process_proc_holder(struct process_proc_pids *pids, const struct process_sockets *sockets)
{
    unsigned best = 0;
    struct process_proc_search s = {
        .pids = pids, .sockets = sockets, .budget = PROCESS_DESCRIPTORS_MAX, .tasks = PROCESS_TASKS_MAX};
    for (unsigned i = 0; i < sockets->count; i++)
        best = sockets->socket[i].score > best ? sockets->socket[i].score : best;
    qsort(pids->pid, pids->count, sizeof *pids->pid, process_proc_younger);
    pid_t found = process_proc_holder_in(&s, best);
    if (!found) {
        s.threads = true;
        found = process_proc_holder_in(&s, best);
    }
    pids->first = found;
    return found;
}
