/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/links_watch: when to look, and that whoever changes links in a loop pays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/links_watch.h"

#define NOW 1000000000u

/* A watch whose other end is ours. */
static struct links_watch watch(int *end)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
    *end = ends[1];
    return (struct links_watch){.fd = ends[0]};
}

static void done(struct links_watch *w, int end)
{
    close(w->fd);
    close(end);
}

static void looks_after_an_event(void **state)
{
    int end;
    char byte;
    struct links_watch w = watch(&end);
    (void)state;
    assert_false(links_watch_active(&w, NOW));
    assert_int_equal(links_watch_rest(&w, NOW), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(send(end, "event", 5, 0), 5);
    links_watch_read(&w, NOW);
    assert_int_equal(recv(w.fd, &byte, 1, 0), -1); /* all were read */
    assert_true(links_watch_active(&w, NOW));
    assert_int_equal(links_watch_rest(&w, NOW), 0); /* at once */
    links_watch_looked(&w, NOW, NOW + 100);
    assert_int_equal(links_watch_rest(&w, NOW + 100), LINKS_WATCH_REST_USEC);
    assert_int_equal(links_watch_rest(&w, NOW + 100 + LINKS_WATCH_REST_USEC), 0);
    assert_true(links_watch_active(&w, NOW + LINKS_WATCH_USEC - 1));
    assert_false(links_watch_active(&w, NOW + LINKS_WATCH_USEC));
    done(&w, end);
}

/* A look that takes long is followed by a longer rest, whatever happens meanwhile. */
static void a_tenth_of_the_time(void **state)
{
    int end;
    struct links_watch w = watch(&end);
    uint64_t now = NOW, busy = 0;
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(send(end, "event", 5, 0), 5);
        now += links_watch_rest(&w, now);
        links_watch_read(&w, now);
        assert_true(links_watch_active(&w, now));
        links_watch_looked(&w, now, now + 20000);
        now += 20000;
        busy += 20000;
        links_watch_read(&w, now); /* an event is no reason for an earlier look */
        assert_int_equal(links_watch_rest(&w, now), 9 * 20000);
    }
    assert_true(busy * 9 <= now - NOW);
    done(&w, end);
}

static void hears_the_kernel(void **state)
{
    struct links_watch w;
    struct error e = {0};
    (void)state;
    assert_true(links_watch_open(&w, &e));
    assert_true(w.fd >= 0);
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    assert_int_equal(getsockname(w.fd, (struct sockaddr *)&bound, &len), 0);
    assert_int_equal(bound.ss_family, AF_NETLINK);
    close(w.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_after_an_event),
        cmocka_unit_test(a_tenth_of_the_time),
        cmocka_unit_test(hears_the_kernel),
    };
    return cmocka_run_group_tests_name("links_watch", tests, NULL, NULL);
}
