/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inspector's process as a whole, under its filter: what rights are left, and that policies compile there
 * (libidn2, libpsl, libyaml included).  Root, in a network namespace of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <locale.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/gate.h"
#include "ctl/gate_sockets.h"
#include "ctl/role.h"
#include "dns/binding.h"
#include "nfq/channel.h"
#include "nfq/queue.h"

static struct gate gate;
static bool up;

static const char rich[] = "version: 1\n"
                           "resolvers: [192.0.2.53, '2001:db8::53']\n"
                           "profiles:\n"
                           "  base: { allow: ['tcp://git.example:22', 'b\xc3\xbc"
                           "cher.example', '\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88'] }\n"
                           "  node:\n"
                           "    extends: base\n"
                           "    allow:\n"
                           "      - registry.example\n"
                           "      - '**.cdn.example.co.uk'\n"
                           "      - 'store{0..199}.example'\n"
                           "      - db.example@10.0.0.0/8\n"
                           "      - '[2001:db8::/32]:443'\n"
                           "    deny: ['ads.cdn.example.co.uk']\n"
                           "scopes:\n"
                           "  - name: lab\n"
                           "    match: { source: 10.0.5.0/24 }\n"
                           "    profile: node\n";

static const char *const broken[] = {
    "version: 1\nprofils: {}\n",
    "version: [",
    "version: 1\nprofiles:\n  a: { allow: ['*.com', '*.co.uk'] }\n",
    "version: 1\nprofiles:\n  a: { allow: ['\xff\xfe.example', 'x..y', 'http://a/b c'] }\n",
    "\0\1\2\3",
    "",
};

static int memory(const char *name, size_t size)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    return fd;
}

static int setup(void **state)
{
    struct error e = {0};
    (void)state;
    if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
        print_message("not root: the inspector as a whole is not tested here\n");
        return 0;
    }
    mark_layout_init(MARK_MASK_DEFAULT, &gate.marks);
    gate.queue_tcp = 100;
    gate.queue_udp = 101;
    gate.lock_fd = memory("lock", 16);
    gate.rules_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 12);
    gate.raw4_fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    gate.raw6_fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    gate.queue_tcp_fd = queue_open(gate.queue_tcp, true, &e);
    gate.queue_udp_fd = queue_open(gate.queue_udp, false, &e);
    if (gate.queue_tcp_fd < 0 || gate.queue_udp_fd < 0) {
        print_error("%s\n", e.text);
        return -1;
    }
    gate.bindings_fd = memory("bindings", binding_table_size());
    gate_sockets_no_relay(&gate);
    up = true;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, gate.events_fd) ||
           socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, gate.control_fd);
}

/* The next CHANNEL_POLICY_DONE or CHANNEL_STARTED. */
static bool await(struct channel_policy_done *out)
{
    union {
        struct channel_policy_done done;
        struct channel_counts counts;
    } message;
    struct pollfd wait = {.fd = gate.control_fd[0], .events = POLLIN};

    while (poll(&wait, 1, 10000) == 1) {
        ssize_t len = recv(gate.control_fd[0], &message, sizeof message, 0);
        if (len == sizeof message.done) {
            *out = message.done;
            return true;
        }
    }
    return false;
}

static pid_t start(void)
{
    struct channel_policy_done started;
    pid_t pid = fork();
    if (pid == 0)
        _exit(inspector_main(&gate));
    assert_true(pid > 0);
    assert_true(await(&started));
    assert_int_equal(started.kind, CHANNEL_STARTED);
    return pid;
}

static int stop(pid_t pid, int number)
{
    int status;
    kill(pid, number);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void status_field(pid_t pid, pid_t thread, const char *field, char *out, size_t size)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/task/%d/status", pid, thread);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    *out = 0;
    while (fgets(line, sizeof line, file))
        if (strncmp(line, field, strlen(field)) == 0 && line[strlen(field)] == ':')
            snprintf(out, size, "%s", line + strlen(field) + 2);
    out[strcspn(out, "\n")] = 0;
    fclose(file);
}

static void rights(void **state)
{
    (void)state;
    if (!up)
        skip();
    char text[256], path[64];
    pid_t pid = start();
    unsigned threads = 0;

    assert_int_equal(role_holder(gate.lock_fd, ROLE_INSPECTOR), pid);
    assert_int_equal(role_holder(gate.lock_fd, ROLE_RELAY), 0);
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    for (struct dirent *d; (d = readdir(tasks));) {
        pid_t thread = (pid_t)strtol(d->d_name, NULL, 10);
        if (thread <= 0)
            continue;
        threads++;
        status_field(pid, thread, "Uid", text, sizeof text);
        assert_string_equal(text, "65530\t65530\t65530\t65530");
        status_field(pid, thread, "Groups", text, sizeof text);
        assert_int_equal(strspn(text, " "), strlen(text));
        status_field(pid, thread, "CapEff", text, sizeof text);
        assert_true(strtoull(text, NULL, 16) == (thread == pid ? 1ull << CAP_NET_ADMIN : 0));
        static const char *const none[] = {"CapInh", "CapBnd", "CapAmb"};
        for (unsigned i = 0; i < 3; i++) {
            status_field(pid, thread, none[i], text, sizeof text);
            assert_int_equal(strtoull(text, NULL, 16), 0);
        }
        status_field(pid, thread, "NoNewPrivs", text, sizeof text);
        assert_string_equal(text, "1");
        status_field(pid, thread, "Seccomp", text, sizeof text);
        assert_string_equal(text, "2");
    }
    closedir(tasks);
    assert_int_equal(threads, 2);

    /* A second one finds the role taken and goes. */
    pid_t second = fork();
    if (second == 0) {
        close(STDERR_FILENO);
        _exit(inspector_main(&gate));
    }
    int status;
    waitpid(second, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);

    kill(pid, SIGINT); /* a terminal's ^C is not for it */
    usleep(50000);
    status = stop(pid, SIGTERM);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(role_holder(gate.lock_fd, ROLE_INSPECTOR), 0);
    /* After kill -9 the next one takes over what is there. */
    pid = start();
    stop(pid, SIGKILL);
    pid = start();
    stop(pid, SIGTERM);
}

static int bundle_memfd(const char *text, size_t len, bool raw, uint64_t *size)
{
    struct policy_source source = {.file = "policy.yaml", .text = {(const uint8_t *)text, len}};
    static struct policy_system system;
    struct bytes bundle = source.text;
    struct error e;
    if (!raw)
        assert_true(policy_bundle_make(&source, 1, &system, NULL, &bundle, &e));
    int fd = memory("bundle", 0);
    assert_int_equal(write(fd, bundle.at, bundle.len), (ssize_t)bundle.len);
    *size = bundle.len;
    if (!raw)
        free((void *)(uintptr_t)bundle.at);
    return fd;
}

static bool give(uint32_t generation, int fd, uint64_t len)
{
    struct channel_policy policy = {.kind = CHANNEL_POLICY, .generation = generation, .bundle_len = len};
    struct channel_policy_done done;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } ancillary = {0};
    struct iovec vector = {&policy, sizeof policy};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

    if (fd >= 0) {
        message.msg_control = ancillary.bytes;
        message.msg_controllen = sizeof ancillary.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    assert_int_equal(sendmsg(gate.control_fd[0], &message, 0), sizeof policy);
    assert_true(await(&done));
    assert_int_equal(done.kind, CHANNEL_POLICY_DONE);
    assert_int_equal(done.generation, generation);
    return done.ok;
}

static bool give_text(uint32_t generation, const char *text, size_t len, bool raw, int seals)
{
    uint64_t size;
    int fd = bundle_memfd(text, len, raw, &size);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    bool ok = give(generation, fd, size);
    close(fd);
    return ok;
}

static void policies(void **state)
{
    (void)state;
    if (!up)
        skip();
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    size_t room = 4 << 20, len = 0;
    char *many = malloc(room);
    pid_t pid = start();
    uint64_t size;

    assert_true(give_text(1, rich, sizeof rich - 1, false, seals));
    for (uint32_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        assert_false(give_text(10 + i, broken[i], strlen(broken[i]), false, seals));
        if (*broken[i]) /* not even a bundle */
            assert_false(give_text(20 + i, broken[i], strlen(broken[i]), true, seals));
    }
    assert_false(give(30, -1, 100));
    assert_false(give_text(31, rich, sizeof rich - 1, false, 0)); /* somebody could still change it */
    int fd = bundle_memfd(rich, sizeof rich - 1, false, &size);
    fcntl(fd, F_ADD_SEALS, seals);
    assert_false(give(32, fd, size + 1)); /* longer than it is */
    assert_false(give(33, fd, 0));
    for (uint32_t i = 0; i < 50; i++)
        assert_true(give(40 + i, fd, size));
    close(fd);

    len = (size_t)snprintf(many, room, "version: 1\nresolvers: [192.0.2.53]\nprofiles:\n  p:\n    allow:\n");
    for (unsigned i = 0; i < 50000; i++)
        len += (size_t)snprintf(many + len, room - len,
                                "      - n%u.m%u.b\xc3\xbc"
                                "cher.example\n",
                                i, i % 97);
    len += (size_t)snprintf(many + len, room - len,
                            "scopes:\n  - { name: s, match: { source: 10.0.0.0/8 }, profile: p }\n");
    assert_true(give_text(100, many, len, false, seals));
    assert_true(give_text(101, rich, sizeof rich - 1, false, seals));
    free(many);
    /* A message that is none of ours is not answered, and harms nothing. */
    assert_int_equal(send(gate.control_fd[0], "x", 1, 0), 1);
    assert_true(give_text(102, rich, sizeof rich - 1, false, seals));
    int status = stop(pid, SIGTERM);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    setlocale(LC_ALL, "");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rights),
        cmocka_unit_test(policies),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
