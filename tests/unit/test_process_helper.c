/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/process: the helper that reads hostile /proc, when a process makes its readers wait and when the helper is
 * killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ctl/process.h"
#include "tests/unit/finder_bed.h"

/* A connected UDP socket on loopback and its ends. */
static int connected(struct event_endpoint *source, struct event_endpoint *destination)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(5353), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (void *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (void *)&a, &len), 0);
    *source = (struct event_endpoint){{4, {127, 0, 0, 1}}, ntohs(a.sin_port)};
    *destination = (struct event_endpoint){{4, {127, 0, 0, 1}}, 5353};
    return fd;
}

/* The page that holds the command line waits, for whoever reads it first, for a userfaultfd that nobody serves. */
static void hang(int result)
{
    char text[2048] = "";
    uintptr_t start = 0, page = (uintptr_t)sysconf(_SC_PAGESIZE);
    FILE *in = fopen("/proc/self/stat", "re");
    size_t n = in ? fread(text, 1, sizeof text - 1, in) : 0;
    char *field = n ? strrchr(text, ')') : NULL;
    for (int i = 2; field && i < 48; i++) /* arg_start is field 48, comm was the second */
        field = strchr(field + 1, ' ');
    if (field)
        start = (uintptr_t)strtoull(field + 1, NULL, 10) & ~(page - 1);
    int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register area = {.range = {start, page}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    bool ok = start && uffd >= 0 && ioctl(uffd, UFFDIO_API, &api) == 0 && ioctl(uffd, UFFDIO_REGISTER, &area) == 0 &&
              madvise((void *)start, page, MADV_DONTNEED) == 0;
    if (write(result, ok ? "y" : "n", 1) != 1)
        _exit(1);
}

static long elapsed_msec(const struct timespec *since)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

/* A process that makes everybody wait who reads its command line must not stop the keeper. */
static void test_hanging_process(void **state)
{
    struct event_process p;
    struct timespec start;
    int result[2];
    char made;
    (void)state;
    assert_int_equal(pipe2(result, O_CLOEXEC), 0);
    struct event_endpoint source, destination;
    int fd = connected(&source, &destination);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        hang(result[1]);
        for (;;)
            pause();
    }
    assert_int_equal(read(result[0], &made, 1), 1);
    bool hang_made = made == 'y';
    for (int i = 0; hang_made && i < 6; i++) {
        clock_gettime(CLOCK_MONOTONIC, &start);
        assert_true(process_find(finder, 17, &source, &destination, NULL, 0, &p));
        assert_int_equal(p.pid, pid); /* still named */
        assert_string_equal(p.command_line, "");
        assert_in_range(elapsed_msec(&start), 0, 1000);
    }
    /* After three of them it does not even try. */
    if (hang_made)
        assert_in_range(elapsed_msec(&start), 0, 150);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(fd), close(result[0]), close(result[1]);
    process_finder_free(finder); /* the next test starts without that memory */
    assert_int_equal(setup(NULL), 0);
    if (!hang_made) {
        print_message("userfaultfd is not permitted here\n");
        skip();
    }
}

/* A helper that was killed is replaced. */
static void test_helper_killed(void **state)
{
    char path[64], children[256] = "", name[64];
    struct event_process p;
    struct event_endpoint source, destination;
    (void)state;
    int fd = connected(&source, &destination);
    assert_true(process_find(finder, 17, &source, &destination, NULL, 0, &p)); /* it has its name by now */
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *in = fopen(path, "re");
    if (!in)
        skip();
    size_t n = fread(children, 1, sizeof children - 1, in);
    fclose(in);
    children[n] = '\0';
    bool killed = false;
    for (char *at = children; *at;) {
        long pid = strtol(at, &at, 10);
        at += strspn(at, " ");
        snprintf(path, sizeof path, "/proc/%ld/comm", pid);
        in = fopen(path, "re");
        if (in && fgets(name, sizeof name, in) && strcmp(name, "sluice-lookup\n") == 0)
            killed = kill((pid_t)pid, SIGKILL) == 0;
        if (in)
            fclose(in);
    }
    assert_true(killed);
    process_find(finder, 17, &source, &destination, NULL, 0, &p); /* may be the one that notices */
    assert_true(process_find(finder, 17, &source, &destination, NULL, 0, &p));
    assert_int_equal(p.pid, getpid());
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hanging_process), cmocka_unit_test(test_helper_killed)};
    return cmocka_run_group_tests_name("process_helper", tests, setup, teardown);
}
