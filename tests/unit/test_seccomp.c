/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the filters of inspector and relay leave: everything else ends the process with SIGSYS (DESIGN s4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ctl/role.h"
#include "ctl/seccomp.h"

enum { LIVES, DIES }; /* what a call does under the filter */

/* Descriptors that every child has. */
static struct {
    int pair[2];    /* events: the inspector's own */
    int control[2]; /* control: likewise */
    int other[2];   /* a socket that is not its own, as rules_fd */
    int udp;        /* of the relay; stands for a raw socket too */
    int memfd;
    struct sockaddr_in to;
} bed;

static void *idle(void *argument)
{
    return argument;
}

/* ---- calls, each run alone under a filter ---- */

static void call_open(void)
{
    (void)!open("/etc/passwd", O_RDONLY);
}

static void call_socket(void)
{
    (void)!socket(AF_INET, SOCK_STREAM, 0);
}

static void call_exec(void)
{
    char *argv[] = {(char[]){"true"}, NULL};
    execve("/bin/true", argv, argv + 1);
}

static void call_fork(void)
{
    (void)!fork();
}

static void call_thread(void)
{
    pthread_t thread;
    (void)!pthread_create(&thread, NULL, idle, NULL);
}

static void call_ptrace(void)
{
    ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static void call_kill(void)
{
    kill(1, 0);
}

static void call_connect(void)
{
    (void)!connect(bed.udp, (const struct sockaddr *)&bed.to, sizeof bed.to);
}

static void call_bind(void)
{
    (void)!bind(bed.other[0], (const struct sockaddr *)&bed.to, sizeof bed.to);
}

static void call_setsockopt(void)
{
    uint32_t mark = 1;
    (void)!setsockopt(bed.udp, SOL_SOCKET, SO_MARK, &mark, sizeof mark);
}

static void call_executable(void)
{
    (void)!mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void call_make_executable(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(at, 4096, PROT_READ | PROT_EXEC);
}

static void call_prctl(void)
{
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static void call_send_other(void)
{
    (void)!send(bed.other[0], "x", 1, 0);
}

static void call_write_other(void)
{
    (void)!write(bed.other[0], "x", 1);
}

static void call_sendmsg_other(void)
{
    struct iovec vector = {(char[]){"x"}, 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    (void)!sendmsg(bed.other[0], &message, 0);
}

static void call_receive_other(void)
{
    char c;
    (void)!recv(bed.other[0], &c, 1, MSG_DONTWAIT);
}

/* The upper half of the register is not the kernel's descriptor, but it is the filter's. */
static void call_send_high_bits(void)
{
    syscall(SYS_sendto, (long)bed.other[0] | 1L << 32, "x", 1L, 0L, 0L, 0L);
}

static void call_i386(void)
{
#ifdef __x86_64__
    long number = 20; /* getpid of the other architecture */
    __asm__ volatile("int $0x80" : "+a"(number) : : "memory");
#else
    call_open();
#endif
}

static void call_fcntl_dup(void)
{
    (void)!fcntl(bed.other[0], F_DUPFD, 0);
}

static void call_send_events(void)
{
    assert_int_equal(send(bed.pair[1], "x", 1, MSG_DONTWAIT), 1);
}

static void call_send_udp(void)
{
    assert_int_equal(sendto(bed.udp, "x", 1, 0, (const struct sockaddr *)&bed.to, sizeof bed.to), 1);
}

static void call_send_udp_elsewhere(void) /* with an address, on a socket that is not among the marked ones */
{
    (void)!sendto(bed.other[0], "x", 1, 0, (const struct sockaddr *)&bed.to, sizeof bed.to);
}

static void call_original_destination(void)
{
    struct sockaddr_storage origin;
    socklen_t len = sizeof origin;
    (void)!getsockopt(bed.pair[1], IPPROTO_IP, 80, &origin, &len);
}

static void call_memory_and_time(void)
{
    char *small[256], random[8];
    struct timespec now;
    for (unsigned i = 0; i < 256; i++) {
        small[i] = malloc(i * 997);
        assert_non_null(small[i]);
        memset(small[i], 1, i * 997);
    }
    for (unsigned i = 0; i < 256; i++)
        free(small[i]);
    char *large = malloc(64 << 20);
    assert_non_null(large);
    memset(large, 1, 64 << 20);
    large = realloc(large, 128 << 20);
    assert_non_null(large);
    free(large);
    malloc_trim(0);
    assert_int_equal(getrandom(random, sizeof random, 0), sizeof random);
    syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &now);
    nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL);
    int ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    assert_int_equal(epoll_ctl(ep, EPOLL_CTL_ADD, bed.pair[1], &event), 0);
    assert_true(epoll_wait(ep, &event, 1, 1) >= 0);
    close(ep);
}

/* The policy's bundle: a descriptor that comes by message, its seals, its size, its bytes. */
static void call_take_memfd(void)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } ancillary;
    char byte;
    struct iovec vector = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = ancillary.bytes, .msg_controllen = sizeof ancillary.bytes};
    int fd;
    assert_int_equal(recvmsg(bed.control[1], &message, MSG_CMSG_CLOEXEC), 1);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    assert_int_equal(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK);
    assert_int_equal(lseek(fd, 0, SEEK_END), 4096);
    void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_true(at != MAP_FAILED);
    munmap(at, 4096);
    close(fd);
}

static const struct {
    const char *name;
    void (*call)(void);
    uint8_t inspector, relay;
} calls[] = {
    {"open", call_open, DIES, DIES},
    {"socket", call_socket, DIES, DIES},
    {"execve", call_exec, DIES, DIES},
    {"fork", call_fork, DIES, DIES},
    {"a thread", call_thread, DIES, DIES},
    {"ptrace", call_ptrace, DIES, DIES},
    {"kill", call_kill, DIES, DIES},
    {"connect", call_connect, DIES, DIES},
    {"bind", call_bind, DIES, DIES},
    {"setsockopt: another mark", call_setsockopt, DIES, DIES},
    {"executable memory", call_executable, DIES, DIES},
    {"memory made executable", call_make_executable, DIES, DIES},
    {"prctl", call_prctl, DIES, DIES},
    {"send on the rules' socket", call_send_other, DIES, DIES},
    {"write on the rules' socket", call_write_other, DIES, DIES},
    {"sendmsg on the rules' socket", call_sendmsg_other, DIES, DIES},
    {"recv on the rules' socket", call_receive_other, DIES, DIES},
    {"send with high bits in the descriptor", call_send_high_bits, DIES, DIES},
    {"another architecture's calls", call_i386, DIES, DIES},
    {"a second descriptor", call_fcntl_dup, DIES, DIES},
    {"send an event, an answer", call_send_events, LIVES, LIVES},
    {"send a packet, a question", call_send_udp, LIVES, LIVES},
    {"sendto by another socket", call_send_udp_elsewhere, DIES, DIES},
    {"original destination", call_original_destination, DIES, LIVES},
    {"memory, time, waiting", call_memory_and_time, LIVES, LIVES},
    {"take the policy", call_take_memfd, LIVES, DIES},
};

static void *waiting_thread(void *argument) /* a second thread, made before: the filter covers it */
{
    pthread_barrier_t *barrier = argument;
    pthread_barrier_wait(barrier);
    call_open();
    return NULL;
}

static bool filter(bool relay)
{
    struct error e;
    struct seccomp_inspector inspector = {
        .queue_fd = {bed.udp, -1}, .raw_fd = {bed.udp, -1}, .events_fd = bed.pair[1], .control_fd = bed.control[1]};
    return relay ? seccomp_relay(512, &e) : seccomp_inspector(&inspector, &e);
}

/* The signal that ends a child which loads a filter and then makes the call; 0: it lives on. */
static int fate(bool relay, void (*call)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)mallopt(M_ARENA_MAX, 1);
        if (!filter(relay))
            _exit(9);
        call();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) != 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void give_memfd(void)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } ancillary = {0};
    struct iovec vector = {(char[]){"p"}, 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = ancillary.bytes, .msg_controllen = sizeof ancillary.bytes};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &bed.memfd, sizeof(int));
    assert_int_equal(sendmsg(bed.control[0], &message, 0), 1);
}

static void table(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++)
        for (int relay = 0; relay < 2; relay++) {
            bool dies = relay ? calls[i].relay == DIES : calls[i].inspector == DIES;
            if (calls[i].call == call_take_memfd)
                give_memfd();
            int got = fate(relay, calls[i].call);
            if (got != (dies ? SIGSYS : 0))
                print_error("%s: %s: signal %d\n", relay ? "relay" : "inspector", calls[i].name, got);
            assert_int_equal(got, dies ? SIGSYS : 0);
        }
}

static void other_threads(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        pthread_barrier_t barrier;
        pthread_barrier_init(&barrier, NULL, 2);
        if (pthread_create(&thread, NULL, waiting_thread, &barrier) != 0 || !filter(false))
            _exit(9);
        pthread_barrier_wait(&barrier);
        pthread_join(thread, NULL);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static int setup(void **state)
{
    (void)state;
    socklen_t len = sizeof bed.to;
    bed.to = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bed.udp =
        fcntl(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), F_DUPFD_CLOEXEC, 512); /* as the relay moves its own */
    bed.memfd = memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int other[2]; /* moved up, as the relay moves the rules' socket */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, other))
        return -1;
    bed.other[0] = fcntl(other[0], F_DUPFD_CLOEXEC, 1024);
    bed.other[1] = other[1];
    return bed.other[0] < 1024 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, bed.pair) ||
           socketpair(AF_UNIX, SOCK_SEQPACKET, 0, bed.control) || bed.udp < 0 ||
           bind(bed.udp, (const struct sockaddr *)&bed.to, len) ||
           getsockname(bed.udp, (struct sockaddr *)&bed.to, &len) || bed.memfd < 0 || ftruncate(bed.memfd, 4096) ||
           fcntl(bed.memfd, F_ADD_SEALS, F_SEAL_SHRINK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(other_threads),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
