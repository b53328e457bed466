/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "ctl/control.h"
#include "ctl/gate_sockets.h"

#define ANSWER_BYTES     (32u << 20)
#define CHANGE_WAIT_MSEC 30000 /* a million names take a second in each of two processes */
#define BUSY_STEP_MSEC   20

/* Everything until the gate closes.  NULL: nothing came in time, or too much. */
static char *read_all(int fd, int wait_msec)
{
    size_t size = 65536, have = 0;
    char *text = malloc(size);
    struct pollfd more = {.fd = fd, .events = POLLIN};
    uint64_t until = clock_boot_usec() + (uint64_t)wait_msec * 1000;
    while (text) {
        uint64_t now = clock_boot_usec();
        if (now >= until || poll(&more, 1, (int)((until - now) / 1000) + 1) <= 0)
            break;
        ssize_t n = recv(fd, text + have, size - have - 1, 0);
        if (n <= 0) {
            text[have] = 0;
            return text;
        }
        have += (size_t)n;
        if (have + 1 == size) {
            char *grown = size < ANSWER_BYTES ? realloc(text, size * 2) : NULL;
            if (!grown)
                break;
            text = grown;
            size *= 2;
        }
    }
    free(text);
    return NULL;
}

static json_t *exchange(int fd, const char *line, int wait_msec, struct error *e)
{
    char *text = NULL;
    bool sent =
        send(fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line) && send(fd, "\n", 1, MSG_NOSIGNAL) == 1;
    if (!sent || !(text = read_all(fd, wait_msec))) {
        error_set(e, ERROR_SYSTEM, 0, "the gate does not answer");
        return NULL;
    }
    json_t *answer = json_loads(text, 0, NULL);
    bool nothing = !text[0];
    free(text);
    const char *kind = NULL, *why = NULL;
    if (json_is_true(json_object_get(answer, "ok")))
        return answer;
    if (nothing)
        error_set(e, ERROR_SYSTEM, 0,
                  "the gate gave no answer: it was restarted while it worked on this, or too many ask at once; see "
                  "whether it was done (sluice job list, sluice status), then try again");
    else if (json_unpack(answer, "{s:{s:s, s:s}}", "error", "kind", &kind, "text", &why) < 0)
        error_set(e, ERROR_SYSTEM, 0, "the gate's answer makes no sense: is it of another version?");
    else
        error_set(e,
                  strcmp(kind, "input") == 0   ? ERROR_INPUT
                  : strcmp(kind, "limit") == 0 ? ERROR_LIMIT
                                               : ERROR_SYSTEM,
                  0, "%s", why);
    json_decref(answer);
    return NULL;
}

static int open_socket(const char *path, struct error *e)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (path)
        snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    else if (!gate_sockets_path(&at, e))
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        error_set(e, ERROR_SYSTEM, errno, "cannot open a socket");
        return -1;
    }
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    int why = errno;
    close(fd);
    if (why != ENOENT && why != ECONNREFUSED)
        error_set(e, ERROR_SYSTEM, why, "cannot ask the gate at %s", at.sun_path);
    return -1;
}

static json_t *ask_at(const char *path, json_t *request, int wait_msec, struct error *e)
{
    json_t *answer = NULL;
    *e = (struct error){0};
    char *line = request && json_object_set_new(request, "version", json_integer(CONTROL_VERSION)) == 0
                     ? json_dumps(request, JSON_COMPACT)
                     : NULL;
    if (!line) {
        error_set(e, ERROR_LIMIT, 0, "no memory for the request");
        return NULL;
    }
    int fd = open_socket(path, e);
    if (fd >= 0) {
        answer = exchange(fd, line, wait_msec, e);
        close(fd);
    }
    free(line);
    return answer;
}

json_t *control_ask(json_t *request, int wait_msec, struct error *e)
{
    json_t *answer = ask_at(NULL, request, wait_msec, e);
    json_decref(request);
    return answer;
}

json_t *control_ask_change(const char *path, json_t *request, struct error *e)
{
    json_t *answer = NULL;
    /* One change of policy at a time: whoever comes second waits. */
    for (unsigned waited = 0; !answer; waited += BUSY_STEP_MSEC) {
        answer = ask_at(path, request, CHANGE_WAIT_MSEC, e);
        if (answer || e->code != ERROR_LIMIT || waited >= CHANGE_WAIT_MSEC)
            break;
        poll(NULL, 0, BUSY_STEP_MSEC);
    }
    json_decref(request);
    return answer;
}
