/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif

#define ORIGINAL_DST 80 /* SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST */
#define LENGTH(row)  (unsigned)(sizeof(row) / sizeof *(row))

/* A filter that is being made; the first failure stays. */
struct filter {
    scmp_filter_ctx ctx;
    int failure; /* as libseccomp says it: 0 or -errno */
};

static void allow(struct filter *f, const int *call, unsigned count)
{
    for (unsigned i = 0; i < count && f->failure == 0; i++)
        f->failure = seccomp_rule_add(f->ctx, SCMP_ACT_ALLOW, call[i], 0);
}

static void allow_if(struct filter *f, int call, struct scmp_arg_cmp condition)
{
    if (f->failure == 0)
        f->failure = seccomp_rule_add_array(f->ctx, SCMP_ACT_ALLOW, call, 1, &condition);
}

static void allow_on(struct filter *f, int call, const int *fd, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (fd[i] >= 0)
            allow_if(f, call, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)fd[i], 0));
}

/* Memory that is never executable, time, waiting, ending; and the last words on standard error. */
static void allow_common(struct filter *f)
{
    static const int call[] = {
        SCMP_SYS(brk),           SCMP_SYS(munmap),         SCMP_SYS(mremap),          SCMP_SYS(madvise),
        SCMP_SYS(clock_gettime), SCMP_SYS(getrandom),      SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
        SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),      SCMP_SYS(epoll_wait),      SCMP_SYS(epoll_pwait),
        SCMP_SYS(futex),         SCMP_SYS(sched_yield),    SCMP_SYS(membarrier),      SCMP_SYS(restart_syscall),
        SCMP_SYS(rt_sigreturn),  SCMP_SYS(rt_sigprocmask), SCMP_SYS(close),           SCMP_SYS(exit),
        SCMP_SYS(exit_group),
    };
#ifdef SANITIZED
    /* What the sanitizer's run-time does before a function that does not return. */
    allow(f, (const int[]){SCMP_SYS(sigaltstack)}, 1);
#endif
    static const int last_words[] = {STDERR_FILENO};

    allow(f, call, LENGTH(call));
    allow_if(f, SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    allow_if(f, SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    allow_on(f, SCMP_SYS(write), last_words, 1);
    allow_on(f, SCMP_SYS(writev), last_words, 1);
}

static void start(struct filter *f)
{
    f->ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    f->failure = f->ctx ? 0 : -ENOMEM;
    if (f->failure == 0)
        f->failure = seccomp_attr_set(f->ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (f->failure == 0)
        f->failure = seccomp_attr_set(f->ctx, SCMP_FLTATR_CTL_TSYNC, 1);
    if (f->failure == 0)
        f->failure = seccomp_attr_set(f->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
}

static bool load(struct filter *f, struct error *e)
{
    if (f->failure == 0)
        f->failure = seccomp_load(f->ctx);
    if (f->ctx)
        seccomp_release(f->ctx);
    if (f->failure != 0)
        return error_set(e, ERROR_SYSTEM, -f->failure, "cannot load the filter of system calls");
    return true;
}

bool seccomp_inspector(const struct seccomp_inspector *own, struct error *e)
{
    struct filter f;
    const int channel[] = {own->events_fd, own->control_fd};

    start(&f);
    allow_common(&f);
    allow_on(&f, SCMP_SYS(recvmmsg), own->queue_fd, 2);
    allow_on(&f, SCMP_SYS(sendto), own->queue_fd, 2);
    allow_on(&f, SCMP_SYS(sendto), own->raw_fd, 2);
    allow_on(&f, SCMP_SYS(sendto), channel, 2);
    allow_on(&f, SCMP_SYS(recvfrom), &own->events_fd, 1);
    allow_on(&f, SCMP_SYS(recvmsg), &own->control_fd, 1);
    /* The policy's memfd: its size and its seals; then mmap. */
    allow(&f, (const int[]){SCMP_SYS(lseek)}, 1);
    allow_if(&f, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_GET_SEALS, 0));
    return load(&f, e);
}

bool seccomp_relay(unsigned half, struct error *e)
{
    struct filter f;
    /* All 64 bits: the kernel looks at the lower half of a descriptor's register only, the filter must not be led
     * astray by the upper. */
    const struct scmp_arg_cmp below = SCMP_A0(SCMP_CMP_MASKED_EQ, ~((scmp_datum_t)half - 1), 0),
                              udp = SCMP_A0(SCMP_CMP_MASKED_EQ, ~((scmp_datum_t)half - 1), half);

    start(&f);
    allow_common(&f);
    allow(&f, (const int[]){SCMP_SYS(accept4), SCMP_SYS(getsockname)}, 2);
    allow_if(&f, SCMP_SYS(getsockopt), SCMP_A2(SCMP_CMP_EQ, ORIGINAL_DST, 0));
    allow_if(&f, SCMP_SYS(getsockopt), SCMP_A2(SCMP_CMP_EQ, TCP_INFO, 0));
    allow_if(&f, SCMP_SYS(recvfrom), below);
    allow_if(&f, SCMP_SYS(recvfrom), udp);
    allow_if(&f, SCMP_SYS(recvmsg), udp);
    allow_if(&f, SCMP_SYS(sendto), udp);
    if (f.failure == 0)
        f.failure = seccomp_rule_add(f.ctx, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 2, below, SCMP_A4(SCMP_CMP_EQ, 0, 0));
    return load(&f, e);
}
