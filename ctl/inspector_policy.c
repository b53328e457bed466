/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/inspector_policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <urcu/pointer.h>
#include <urcu/urcu-qsbr.h>

#include "nfq/channel.h"
#include "policy/policy.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) /* nobody changes the bytes while they are compiled */

_Static_assert(sizeof((struct channel_policy *)0)->own_address == sizeof((struct worker_policy *)0)->own_address,
               "both hold as many addresses");

bool inspector_policy_init(struct inspector_policy *p, int control_fd, struct policy *inherited, struct error *e)
{
    struct epoll_event event = {.events = EPOLLIN};

    *p = (struct inspector_policy){
        .control_fd = control_fd, .inherited = inherited, .epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    if (p->epoll_fd < 0 || epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, control_fd, &event) < 0)
        return error_set(e, ERROR_SYSTEM, errno, "cannot watch the control channel");
    return true;
}

static void tell(struct inspector_policy *p, enum channel_kind kind, uint32_t generation, bool ok)
{
    struct channel_policy_done message = {.kind = kind, .generation = generation, .ok = ok};

    /* A keeper that is not there asks again when it is: it sends its policy at its start. */
    (void)send(p->control_fd, &message, sizeof message, MSG_NOSIGNAL);
}

/* Compiles the bundle in `fd`.  NULL: unsealed, shorter than it says, or no policy. */
static struct policy *compile(int fd, uint64_t len)
{
    int seals = fcntl(fd, F_GET_SEALS);
    off_t size = lseek(fd, 0, SEEK_END);
    struct error e;

    if (seals < 0 || (seals & SEALS) != SEALS || size <= 0 || len == 0 || len > (uint64_t)size)
        return NULL;
    void *at = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED)
        return NULL;
    struct policy *policy = policy_from_bundle((struct bytes){at, len}, &e);
    munmap(at, len);
    return policy;
}

static void release(const struct inspector_policy *p, struct worker_policy *old)
{
    if (!old)
        return;
    if (old->policy != p->inherited)
        policy_free((struct policy *)(uintptr_t)old->policy); /* made by compile: ours to free */
    free(old);
}

static bool replace(struct inspector_policy *p, const struct channel_policy *message, int fd)
{
    struct worker_policy *next = calloc(1, sizeof *next);
    if (!next)
        return false;
    struct policy *policy = message->inherited ? p->inherited : compile(fd, message->bundle_len);
    if (!policy) {
        free(next);
        return false;
    }
    for (unsigned i = 0; message->audit && i < policy->scopes; i++)
        policy->scope[i].mode = POLICY_AUDIT;
    next->policy = policy;
    next->serial = ++p->serial;
    next->own_addresses = message->own_addresses;
    memcpy(next->own_address, message->own_address, sizeof next->own_address);

    struct worker_policy *old = rcu_xchg_pointer(&p->current, next);
    urcu_qsbr_synchronize_rcu(); /* from here on the worker judges by the new one */
    release(p, old);
    return true;
}

/* The one descriptor of a message; -1: none.  Others than the first are closed. */
static int take_descriptor(struct msghdr *header)
{
    int taken = -1;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (taken < 0)
                taken = fd;
            else
                close(fd);
        }
    }
    return taken;
}

/* Serves one message.  False: the channel is at its end. */
static bool serve(struct inspector_policy *p)
{
    static struct channel_policy message; /* one control thread */
    union {
        char bytes[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr align;
    } ancillary;
    struct iovec vector = {&message, sizeof message};
    struct msghdr header = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = ancillary.bytes, .msg_controllen = sizeof ancillary.bytes};

    ssize_t len = recvmsg(p->control_fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (len < 0)
        return errno == EAGAIN || errno == EINTR;
    if (len == 0)
        return false;
    int fd = take_descriptor(&header);
    if (len == sizeof message && !(header.msg_flags & MSG_TRUNC) && message.kind == CHANNEL_POLICY) {
        bool ok = (fd >= 0) != (message.inherited != 0) && message.own_addresses <= CHANNEL_OWN_ADDRESSES_MAX &&
                  replace(p, &message, fd);
        tell(p, CHANNEL_POLICY_DONE, message.generation, ok);
    }
    if (fd >= 0)
        close(fd);
    return true;
}

void inspector_policy_run(struct inspector_policy *p)
{
    struct epoll_event event;

    tell(p, CHANNEL_STARTED, 0, true);
    for (;;) {
        int count = epoll_wait(p->epoll_fd, &event, 1, -1);
        if ((count < 0 && errno != EINTR) || (count > 0 && !serve(p)))
            return;
    }
}
