/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/process: from a tuple to the process that has the socket, a process that makes its readers wait, and what a
 * command line must not give away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/netlink.h>
#include <pthread.h>

#include "ctl/process.h"
#include "nft/cgroup.h"
#include "tests/unit/finder_bed.h"

static struct event_endpoint endpoint(const char *text, uint16_t port)
{
    struct event_endpoint p = {.port = port};
    assert_true(address_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &p.address));
    return p;
}

static struct sockaddr_in6 six(const char *text, uint16_t port)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    assert_int_equal(inet_pton(AF_INET6, text, &a.sin6_addr), 1);
    return a;
}

static struct sockaddr_in four(const char *text, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    assert_int_equal(inet_pton(AF_INET, text, &a.sin_addr), 1);
    return a;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
                                         : ((struct sockaddr_in *)&a)->sin_port);
}

static void expect_self(uint8_t protocol, struct event_endpoint source, struct event_endpoint destination)
{
    struct event_process p;
    for (int i = 0; i < 5; i++) { /* on a busy machine the command line is not had in time, which is no error */
        assert_true(process_find(finder, protocol, &source, &destination, NULL, 0, &p));
        if (p.command_line[0])
            break;
    }
    assert_int_equal(p.pid, getpid());
    assert_int_equal(p.parent_pid, getppid());
    assert_int_equal(p.uid, getuid());
    assert_non_null(strstr(p.executable, "test_process"));
    assert_non_null(strstr(p.command_line, "test_process"));
}

/* A listener on loopback of `family`; *port is where. */
static int listener(int family, uint16_t *port)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a4 = four("127.0.0.1", 0);
    struct sockaddr_in6 a6 = six("::1", 0);
    assert_int_equal(family == AF_INET ? bind(fd, (void *)&a4, sizeof a4) : bind(fd, (void *)&a6, sizeof a6), 0);
    assert_int_equal(listen(fd, 4), 0);
    *port = port_of(fd);
    return fd;
}

static void test_tcp(void **state)
{
    uint16_t port, port6;
    (void)state;
    int l4 = listener(AF_INET, &port), l6 = listener(AF_INET6, &port6);
    int c4 = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), mapped = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0),
        c6 = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to4 = four("127.0.0.1", port);
    struct sockaddr_in6 to6 = six("::1", port6), to_mapped = six("::ffff:127.0.0.1", port);
    assert_int_equal(connect(c4, (void *)&to4, sizeof to4), 0);
    assert_int_equal(connect(mapped, (void *)&to_mapped, sizeof to_mapped), 0);
    assert_int_equal(connect(c6, (void *)&to6, sizeof to6), 0);
    expect_self(6, endpoint("127.0.0.1", port_of(c4)), endpoint("127.0.0.1", port));
    expect_self(6, endpoint("127.0.0.1", port_of(mapped)), endpoint("127.0.0.1", port));
    expect_self(6, endpoint("::1", port_of(c6)), endpoint("::1", port6));
    /* A listener on the packet's source port is not its sender. */
    struct event_process p;
    struct event_endpoint source = endpoint("127.0.0.1", port), nowhere = endpoint("192.0.2.1", 443);
    assert_false(process_find(finder, 6, &source, &nowhere, NULL, 0, &p));
    close(c4), close(c6), close(mapped), close(l4), close(l6);
}

/* A refused SYN: the socket is in SYN_SENT while its packet is held.  A network that drops is made with a full backlog.
 */
static void test_tcp_syn_sent(void **state)
{
    uint16_t port;
    (void)state;
    int l = listener(AF_INET, &port), filler[16], waiting = -1;
    assert_int_equal(listen(l, 0), 0);
    struct sockaddr_in to = four("127.0.0.1", port);
    for (int i = 0; i < 16; i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(filler[i], (void *)&to, sizeof to);
        waiting = filler[i];
    }
    expect_self(6, endpoint("127.0.0.1", port_of(waiting)), endpoint("127.0.0.1", port));
    for (int i = 0; i < 16; i++)
        close(filler[i]);
    close(l);
}

static void test_udp(void **state)
{
    (void)state;
    int connected = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
        loose = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), dual = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0),
        c6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = four("127.0.0.1", 5353), any = four("0.0.0.0", 0);
    struct sockaddr_in6 any6 = six("::", 0), to6 = six("::1", 5353);
    assert_int_equal(connect(connected, (void *)&to, sizeof to), 0);
    assert_int_equal(bind(loose, (void *)&any, sizeof any), 0);
    assert_int_equal(bind(dual, (void *)&any6, sizeof any6), 0);
    assert_int_equal(connect(c6, (void *)&to6, sizeof to6), 0);
    expect_self(17, endpoint("127.0.0.1", port_of(connected)), endpoint("127.0.0.1", 5353));
    expect_self(17, endpoint("10.9.8.7", port_of(loose)), endpoint("192.0.2.53", 53)); /* bound to the wildcard */
    expect_self(17, endpoint("10.9.8.7", port_of(dual)), endpoint("192.0.2.53", 53));  /* IPv4 from an IPv6 socket */
    expect_self(17, endpoint("::1", port_of(c6)), endpoint("::1", 5353));
    /* sendto() elsewhere on a connected socket */
    expect_self(17, endpoint("127.0.0.1", port_of(connected)), endpoint("192.0.2.53", 53));
    close(connected), close(loose), close(dual), close(c6);
}

/* ICMP: a ping socket by its identifier, a raw socket by its protocol; TCP written on a raw socket. */
static void test_icmp_and_raw(void **state)
{
    (void)state;
    int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
    if (raw < 0) {
        print_message("no CAP_NET_RAW\n");
        skip();
    }
    expect_self(1, endpoint("127.0.0.1", 0), endpoint("192.0.2.1", 0));
    close(raw);
    int raw6 = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
    expect_self(58, endpoint("::1", 0), endpoint("2001:db8::1", 0));
    close(raw6);
    int header = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW); /* writes any protocol */
    expect_self(132, endpoint("127.0.0.1", 0), endpoint("192.0.2.1", 0));
    expect_self(6, endpoint("127.0.0.1", 4), endpoint("192.0.2.1", 443));
    close(header);
    int ping = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
    if (ping >= 0) { /* net.ipv4.ping_group_range may forbid it */
        struct sockaddr_in any = four("0.0.0.0", 0);
        assert_int_equal(bind(ping, (void *)&any, sizeof any), 0);
        expect_self(1, endpoint("127.0.0.1", 0), endpoint("192.0.2.1", 0));
        close(ping);
    }
}

/* Runs `body` in a child; returns when it has written a byte into the pipe.  The child then sleeps. */
static pid_t child(void (*body)(int), int argument)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        body(argument);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void body_name(int fd)
{
    (void)fd;
    prctl(PR_SET_NAME, "ev)il\n(x");
}

/* The socket is inherited: who acts is the younger.  Its comm cannot break the reading of /proc/PID/stat. */
static void test_youngest_holder(void **state)
{
    struct event_process p;
    (void)state;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = four("127.0.0.1", 5353);
    assert_int_equal(connect(fd, (void *)&to, sizeof to), 0);
    struct event_endpoint source = endpoint("127.0.0.1", port_of(fd)), destination = endpoint("127.0.0.1", 5353);
    pid_t pid = child(body_name, fd);
    assert_true(process_find(finder, 17, &source, &destination, NULL, 0, &p));
    assert_int_equal(p.pid, pid);
    assert_int_equal(p.parent_pid, getpid());
    assert_string_equal(p.name, "ev)il\n(x");
    end(pid);
    assert_true(process_find(finder, 17, &source, &destination, NULL, 0, &p));
    assert_int_equal(p.pid, getpid());
    close(fd);
    assert_false(process_find(finder, 17, &source, &destination, NULL, 0, &p));
}

/* Many packets at once: each gets its own sender, whoever else is asked about with it, and one whose socket is gone
 * gets none. */
static void test_many(void **state)
{
    enum { SOCKETS = 40, GONE = 7, INHERITED = 23 };
    struct process_wanted wanted[SOCKETS];
    static struct event_process found[SOCKETS];
    int fd[SOCKETS];
    pid_t heir = 0, other = 0;
    (void)state;
    struct sockaddr_in to = four("127.0.0.1", 5353);
    for (int i = 0; i < SOCKETS; i++) {
        fd[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd[i], (void *)&to, sizeof to), 0);
        wanted[i] = (struct process_wanted){.protocol = 17,
                                            .source = endpoint("127.0.0.1", port_of(fd[i])),
                                            .destination = endpoint("127.0.0.1", 5353),
                                            .out = &found[i]};
        if (i == INHERITED) { /* the child holds this one and those before; it is the one that acts */
            heir = child(body_name, fd[i]);
            other = child(body_name, -1); /* younger, and holds them as well: the first child in the list is meant */
        }
    }
    close(fd[GONE]);
    process_find_all(finder, wanted, SOCKETS, NULL, 0);
    /* The children still hold what their parent closed. */
    for (int i = 0; i < SOCKETS; i++) {
        assert_true(wanted[i].found);
        assert_int_equal(found[i].pid == getpid(), i > INHERITED);
        assert_true(i > INHERITED || found[i].pid == heir || found[i].pid == other);
    }
    end(heir);
    end(other);
    process_find_all(finder, wanted, SOCKETS, NULL, 0);
    for (int i = 0; i < SOCKETS; i++) {
        assert_int_equal(wanted[i].found, i != GONE);
        assert_true(i == GONE || found[i].pid == getpid());
        close(i == GONE ? -1 : fd[i]);
    }
}

static uint16_t thread_port;
static bool thread_stop;

static void *thread_main(void *argument)
{
    (void)argument;
    int fd;
    struct sockaddr_in to = four("127.0.0.1", 5353);
    if (unshare(CLONE_FILES) == 0 && (fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) >= 0 &&
        connect(fd, (void *)&to, sizeof to) == 0)
        __atomic_store_n(&thread_port, port_of(fd), __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&thread_stop, __ATOMIC_SEQ_CST))
        usleep(1000);
    return NULL; /* its table goes with it */
}

/* A thread with a descriptor table of its own: /proc/PID/fd does not show it. */
static void test_thread_with_own_table(void **state)
{
    pthread_t thread;
    uint16_t port = 0;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, thread_main, NULL), 0);
    for (int i = 0; i < 1000 && !(port = __atomic_load_n(&thread_port, __ATOMIC_SEQ_CST)); i++)
        usleep(1000);
    assert_int_not_equal(port, 0);
    expect_self(17, endpoint("127.0.0.1", port), endpoint("127.0.0.1", 5353));
    __atomic_store_n(&thread_stop, true, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
}

static char cgroup[64];

static void test_cgroup_restricts(void **state)
{
    struct event_process p;
    struct error e;
    (void)state;
    snprintf(cgroup, sizeof cgroup, "/sluice-test-process-%d", (int)getpid());
    if (!cgroup_make(cgroup, &e)) {
        print_message("%s\n", e.text);
        skip();
    }
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = four("127.0.0.1", 5353);
    assert_int_equal(connect(fd, (void *)&to, sizeof to), 0);
    struct event_endpoint source = endpoint("127.0.0.1", port_of(fd)), destination = endpoint("127.0.0.1", 5353);
    const char *const paths[] = {"/sluice-no-such-cgroup", cgroup};
    pid_t pid = child(body_name, fd);
    bool empty = process_find(finder, 17, &source, &destination, paths, 2, &p);
    bool entered = cgroup_enter(cgroup, pid, &e);
    bool found = process_find(finder, 17, &source, &destination, paths, 2, &p);
    end(pid);
    for (int i = 0; i < 100 && !cgroup_remove(cgroup, &e); i++)
        usleep(10000);
    close(fd);
    assert_false(empty); /* holders outside the scope are not its processes */
    assert_true(entered);
    assert_true(found);
    assert_int_equal(p.pid, pid);
}

/* npm writes a sentence over its name, which the kernel cuts in a word; a name that is not cut keeps its space. */
static void test_cut_name(void **state)
{
    static const char *const rows[][2] = {
        {"npm install is-odd", "npm"}, {"Web Content", "Web Content"}, {"systemd-resolved", "systemd-resolve"}};
    char before[16] = "";
    (void)state;
    prctl(PR_GET_NAME, before);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct event_process p;
        prctl(PR_SET_NAME, rows[i][0]);
        assert_true(process_describe(getpid(), &p));
        assert_string_equal(p.name, rows[i][1]);
    }
    prctl(PR_SET_NAME, before);
}

static void test_describe(void **state)
{
    struct event_process p;
    (void)state;
    assert_true(process_describe(getpid(), &p));
    assert_int_equal(p.pid, getpid());
    assert_string_equal(p.name, "test_process");
    assert_true(p.parent_name[0]);
    assert_false(process_describe(0x3fffffff, &p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_tcp_syn_sent),
        cmocka_unit_test(test_udp),
        cmocka_unit_test(test_icmp_and_raw),
        cmocka_unit_test(test_youngest_holder),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_thread_with_own_table),
        cmocka_unit_test(test_cgroup_restricts),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_cut_name),
    };
    return cmocka_run_group_tests_name("process", tests, setup, teardown);
}
