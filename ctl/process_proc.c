/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/process_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/process.h"

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
