/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes a thread of a running process enter a system call that it would never make, as code that hostile bytes had
 * taken over would: stops it (ptrace), points it at the syscall instruction that it just came through, with another
 * number.
 *
 *     seccomp_driver TID CALL     prints what became of it; exit status 0: killed by SIGSYS, 1: not, 77: cannot be tried
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#ifdef __x86_64__

static const struct {
    const char *name;
    long number;
    unsigned long long argument[6];
} calls[] = {
    {"openat", SYS_openat, {(unsigned long long)AT_FDCWD, 0, O_RDONLY, 0, 0, 0}},
    {"open", SYS_open, {0}},
    {"socket", SYS_socket, {AF_INET, SOCK_STREAM, 0, 0, 0, 0}},
    {"connect", SYS_connect, {3, 0, 0, 0, 0, 0}},
    {"execve", SYS_execve, {0}},
    {"clone", SYS_clone, {SIGCHLD, 0, 0, 0, 0, 0}},
    {"ptrace", SYS_ptrace, {PTRACE_ATTACH, 1, 0, 0, 0, 0}},
    {"kill", SYS_kill, {1, 0, 0, 0, 0, 0}},
    {"sendmsg", SYS_sendmsg, {3, 0, 0, 0, 0, 0}},
    {"io_uring_setup", SYS_io_uring_setup, {8, 0, 0, 0, 0, 0}},
    {"mmap", SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, (unsigned long long)-1, 0}},
    {"getpid", SYS_getpid, {0}},
};

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return 77;
}

static int force(pid_t tid, unsigned which)
{
    struct user_regs_struct regs;
    int status;
    if (ptrace(PTRACE_SEIZE, tid, NULL, PTRACE_O_TRACESYSGOOD) < 0 || ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0)
        return fail("ptrace");
    if (waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status))
        return fail("the thread does not stop");
    if (ptrace(PTRACE_GETREGS, tid, NULL, &regs) < 0)
        return fail("its registers");
    errno = 0;
    long instruction = ptrace(PTRACE_PEEKTEXT, tid, (void *)(regs.rip - 2), NULL);
    if (errno || (instruction & 0xffff) != 0x050f) /* syscall */
        return fail("it is not in a system call");
    regs.rip -= 2;
    regs.rax = (unsigned long long)calls[which].number;
    regs.orig_rax = (unsigned long long)-1; /* the interrupted call is not begun again */
    regs.rdi = calls[which].argument[0];
    regs.rsi = calls[which].argument[1];
    regs.rdx = calls[which].argument[2];
    regs.r10 = calls[which].argument[3];
    regs.r8 = calls[which].argument[4];
    regs.r9 = calls[which].argument[5];
    if (ptrace(PTRACE_SETREGS, tid, NULL, &regs) < 0 || ptrace(PTRACE_SYSCALL, tid, NULL, NULL) < 0)
        return fail("its registers");
    for (int stops = 0; stops < 4; stops++) {
        if (waitpid(tid, &status, __WALL) != tid)
            return fail("waiting for it");
        if (WIFSIGNALED(status)) {
            printf("%s: killed by %s\n", calls[which].name, strsignal(WTERMSIG(status)));
            return WTERMSIG(status) == SIGSYS ? 0 : 1;
        }
        if (WIFEXITED(status)) {
            printf("%s: exited with %d\n", calls[which].name, WEXITSTATUS(status));
            return 1;
        }
        /* A call that the filter ends is taken back before the signal comes: its number is where a result would be. */
        bool in_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
        if (in_call && ptrace(PTRACE_GETREGS, tid, NULL, &regs) == 0 && (long)regs.orig_rax == calls[which].number &&
            (long)regs.rax != -ENOSYS && (long)regs.rax != calls[which].number) {
            printf("%s: returned %lld\n", calls[which].name, (long long)regs.rax);
            return 1;
        }
        /* The filter's signal is delivered: it cannot be held back, but it is seen before. */
        ptrace(PTRACE_SYSCALL, tid, NULL, (void *)(long)(WSTOPSIG(status) == SIGSYS ? SIGSYS : 0));
    }
    printf("%s: nothing happened\n", calls[which].name);
    return 1;
}

int main(int argc, char **argv)
{
    for (unsigned i = 0; argc == 3 && i < sizeof calls / sizeof *calls; i++)
        if (strcmp(argv[2], calls[i].name) == 0)
            return force((pid_t)strtol(argv[1], NULL, 10), i);
    fprintf(stderr, "usage: seccomp_driver TID CALL\n");
    return 2;
}

#else

int main(void)
{
    fprintf(stderr, "not written for this architecture's registers\n");
    return 77;
}

#endif
