/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/eventlog: floods are merged and bounded, losses are counted and told, nothing waits (DESIGN s2 Events;
 * RESEARCH 2.78). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"
#include "ctl/eventlog.h"

#define SECOND 1000000ULL

struct fixture {
    int file, line;
    struct eventlog *log;
};

static struct fixture fixture_new(struct summary *summary)
{
    struct fixture f = {memfd_create("events", MFD_CLOEXEC), memfd_create("lines", MFD_CLOEXEC), NULL};
    struct eventlog_config c = {.file_fd = f.file, .line_fd = f.line, .host = "h", .summary = summary};
    f.log = eventlog_new(&c);
    assert_non_null(f.log);
    return f;
}

static void fixture_done(struct fixture *f)
{
    eventlog_free(f->log);
    close(f->file);
    close(f->line);
}

/* What was written; the caller frees. */
static char *text_of(int fd)
{
    off_t len = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)len + 1);
    assert_int_equal(pread(fd, text, (size_t)len, 0), len);
    return text;
}

static size_t lines_of(int fd)
{
    char *text = text_of(fd);
    size_t n = 0;
    for (char *p = text; (p = strchr(p, '\n')); p++)
        n++;
    free(text);
    return n;
}

/* Every line parses; returns the sum of the counts of events whose reason is `reason`. */
static uint64_t counted(int fd, const char *reason)
{
    char *text = text_of(fd), *save;
    uint64_t sum = 0;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        json_t *j = json_loads(line, 0, NULL);
        assert_non_null(j);
        const char *got = json_string_value(json_object_get(json_object_get(j, "event"), "reason"));
        json_int_t n = json_integer_value(json_object_get(json_object_get(j, "sluice"), "count"));
        if (strcmp(got, reason) == 0)
            sum += n ? (uint64_t)n : 1;
        json_decref(j);
    }
    free(text);
    return sum;
}

static struct event refusal(const char *domain)
{
    struct event e = {.action = ACTION_DNS_QUERY,
                      .reason = REASON_NOT_IN_ALLOWLIST,
                      .verdict = VERDICT_DENY,
                      .ip_protocol = 17,
                      .dns_type = 1};
    snprintf(e.domain, sizeof e.domain, "%s", domain);
    return e;
}

static void test_first_at_once_then_merged(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct event e = refusal("evil.test");
    (void)state;
    uint64_t now = 5 * SECOND;
    eventlog_add(f.log, &e, now);
    assert_int_equal(lines_of(f.file), 1);
    assert_int_equal(lines_of(f.line), 1);
    for (int i = 0; i < 40; i++)
        eventlog_add(f.log, &e, now + (uint64_t)i * 1000);
    eventlog_tick(f.log, now + SECOND - 1);
    assert_int_equal(lines_of(f.file), 1);
    eventlog_tick(f.log, now + SECOND + 200000);
    assert_int_equal(lines_of(f.file), 2);
    assert_int_equal(counted(f.file, "not_in_allowlist"), 41);
    char *text = text_of(f.line);
    assert_memory_equal(text, "sluice: deny  dns  evil.test A", 30);
    assert_non_null(strstr(text, "(40 times)\n"));
    free(text);
    /* Quiet for two seconds: told at once again. */
    eventlog_tick(f.log, now + 3 * SECOND);
    eventlog_add(f.log, &e, now + 4 * SECOND);
    assert_int_equal(lines_of(f.file), 3);
    fixture_done(&f);
}

static void test_what_is_the_same(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct event e = refusal("evil.test");
    (void)state;
    eventlog_add(f.log, &e, SECOND);
    e.scope_id = 2;
    eventlog_add(f.log, &e, SECOND);
    e.reason = REASON_DENIED;
    eventlog_add(f.log, &e, SECOND);
    e.verdict = VERDICT_WOULD_DENY;
    eventlog_add(f.log, &e, SECOND);
    snprintf(e.domain, sizeof e.domain, "evil2.test");
    eventlog_add(f.log, &e, SECOND);
    e.domain[0] = '\0';
    e.destination = (struct event_endpoint){{4, {192, 0, 2, 1}}, 443};
    eventlog_add(f.log, &e, SECOND);
    e.destination.port = 80;
    eventlog_add(f.log, &e, SECOND);
    assert_int_equal(lines_of(f.file), 7);
    e.source.port = 7; /* another try of the same */
    e.dns_type = 28;
    eventlog_add(f.log, &e, SECOND);
    assert_int_equal(lines_of(f.file), 7);
    eventlog_flush(f.log, SECOND);
    assert_int_equal(lines_of(f.file), 8);
    fixture_done(&f);
}

/* The process of the latest repeat may not have been found: the row names the latest that was. */
static void test_merged_names_who_was_found(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct event e = refusal("evil.test"), nobody = e;
    (void)state;
    uint64_t now = 5 * SECOND;
    eventlog_add(f.log, &e, now);
    e.process.pid = 4711;
    eventlog_add(f.log, &e, now);
    e.process.pid = 4712;
    eventlog_add(f.log, &e, now);
    eventlog_add(f.log, &nobody, now);
    eventlog_tick(f.log, now + SECOND + 200000);
    char *text = text_of(f.file);
    assert_non_null(strstr(text, "\"count\":3"));
    assert_non_null(strstr(text, "\"pid\":4712"));
    assert_null(strstr(text, "4711"));
    free(text);
    /* Nobody of an earlier row is named in a later one. */
    eventlog_add(f.log, &nobody, now + SECOND + 300000);
    eventlog_tick(f.log, now + 3 * SECOND);
    assert_int_equal(lines_of(f.file), 3);
    text = text_of(f.file);
    assert_null(strstr(strstr(text, "4712") + 1, "4712"));
    free(text);
    fixture_done(&f);
}

/* Only refusals are lines for a person; flows are told at their end, each with its own counts. */
static void test_who_sees_what(void **state)
{
    struct summary *summary = summary_new();
    struct fixture f = fixture_new(summary);
    struct event e = {.action = ACTION_TLS_HELLO,
                      .reason = REASON_NAME_ALLOWED,
                      .verdict = VERDICT_ALLOW,
                      .domain = "registry.example"};
    (void)state;
    eventlog_add(f.log, &e, SECOND);
    assert_int_equal(lines_of(f.file), 0);
    e.action = ACTION_CONNECTION_END;
    eventlog_add(f.log, &e, SECOND);
    eventlog_add(f.log, &e, SECOND);
    assert_int_equal(lines_of(f.file), 2);
    struct event noise = refusal("evil.test.lan");
    noise.verdict = VERDICT_IGNORED;
    noise.reason = REASON_SEARCH_DOMAIN;
    eventlog_add(f.log, &noise, SECOND);
    assert_int_equal(lines_of(f.file), 3);
    assert_int_equal(lines_of(f.line), 0);
    struct event audit = refusal("evil.test");
    audit.verdict = VERDICT_WOULD_DENY;
    eventlog_add(f.log, &audit, SECOND);
    assert_int_equal(lines_of(f.line), 1);
    assert_int_equal(summary_denied(summary), 1);
    fixture_done(&f);
    summary_free(summary);
}

/* A tunnel asks another name each time: rows, lines and memory are bounded, and every event is still counted. */
static void test_flood_of_names(void **state)
{
    struct fixture f = fixture_new(NULL);
    char name[64];
    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "x%u.evil.test", i);
        struct event e = refusal(name);
        eventlog_add(f.log, &e, SECOND + i);
    }
    eventlog_flush(f.log, SECOND + 20000);
    assert_in_range(lines_of(f.file), EVENTLOG_ROWS, EVENTLOG_ROWS + EVENTLOG_OVERFLOW + 2);
    assert_int_equal(counted(f.file, "not_in_allowlist"), 20000);
    assert_int_equal(counted(f.file, "events_lost"), 0);
    assert_int_equal(lines_of(f.line), EVENTLOG_SHOWN_LINES + 1);
    char *text = text_of(f.line);
    assert_non_null(strstr(text, "more refusals in that second are not shown here\n"));
    free(text);
    fixture_done(&f);
}

/* A full disk: counted, told once it works again, and no line is glued to half a line before it. */
static void test_full_disk(void **state)
{
    struct fixture f = fixture_new(NULL);
    char path[] = "/tmp/test-eventlog-XXXXXX";
    (void)state;
    int file = mkostemp(path, O_APPEND | O_CLOEXEC);
    assert_true(file >= 0);
    unlink(path);
    struct eventlog_config c = {.file_fd = file, .line_fd = f.line};
    struct eventlog *log = eventlog_new(&c);
    struct rlimit old, small;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    struct event e = refusal("one.test");
    eventlog_add(log, &e, SECOND);
    off_t whole = lseek(file, 0, SEEK_END);
    small = old;
    small.rlim_cur = (rlim_t)whole + 100; /* the second line fits in part, the third not at all */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    e = refusal("two.test");
    eventlog_add(log, &e, SECOND);
    e = refusal("three.test");
    eventlog_add(log, &e, SECOND);
    eventlog_tick(log, SECOND + 1000);
    assert_int_equal(lseek(file, 0, SEEK_END), whole + 100);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    eventlog_tick(log, 3 * SECOND);
    e = refusal("four.test");
    eventlog_add(log, &e, 3 * SECOND);
    char *text = text_of(file), *save;
    unsigned good = 0, bad = 0;
    bool lost = false;
    for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
        json_t *j = json_loads(l, 0, NULL);
        lost |= strstr(l, "\"reason\":\"events_lost\"") && strstr(l, "\"count\":2");
        j ? good++ : bad++;
        json_decref(j);
    }
    free(text);
    assert_int_equal(good, 3); /* one, events_lost, four */
    assert_int_equal(bad, 1);
    assert_true(lost);
    text = text_of(f.line);
    assert_non_null(strstr(text, "events cannot be written"));
    free(text);
    eventlog_free(log);
    close(file);
    fixture_done(&f);
}

/* Nobody reads our standard error: the job shares the pipe and may fill it.  The test itself would hang. */
static void test_full_pipe_and_socket(void **state)
{
    int pair[2];
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        if (kind == 0)
            assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
        else
            assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        struct eventlog_config c = {.file_fd = -1, .line_fd = pair[1]};
        struct eventlog *log = eventlog_new(&c);
        for (unsigned i = 0; i < 30000; i++) {
            struct event e = refusal("evil.test");
            e.scope_id = (uint16_t)i;
            eventlog_add(log, &e, i * SECOND);
        }
        assert_int_equal(fcntl(pair[1], F_GETFL) & O_NONBLOCK, 0); /* what others share is as it was */
        eventlog_free(log);
        close(pair[0]);
        close(pair[1]);
    }
}

/* Refusals that find the disk full. */
static void lose(const struct fixture *f, const char *domain, uint64_t count, uint64_t now_usec)
{
    struct rlimit old, full;
    struct event e = refusal(domain);
    e.count = count;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    full = old;
    full.rlim_cur = (rlim_t)lseek(f->file, 0, SEEK_END);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    eventlog_add(f->log, &e, now_usec);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
}

static void test_losses_once_a_second(void **state)
{
    struct fixture f = fixture_new(NULL);
    (void)state;
    lose(&f, "one.test", 5, SECOND);
    eventlog_tick(f.log, SECOND);
    lose(&f, "two.test", 7, SECOND);
    eventlog_tick(f.log, SECOND + 1000);
    assert_int_equal(lines_of(f.file), 1);
    eventlog_tick(f.log, 2 * SECOND + 1);
    assert_int_equal(counted(f.file, "events_lost"), 12);
    fixture_done(&f);
}

/* Each scope's losses are its own, with its name, and those that look like attacks are told as such. */
static void test_losses_by_scope(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct rlimit old, full;
    struct event e = refusal("one.test");
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    full = old;
    full.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    e.scope_id = 7;
    snprintf(e.scope, sizeof e.scope, "job.one");
    snprintf(e.job, sizeof e.job, "one");
    eventlog_add(f.log, &e, SECOND);
    e.scope_id = 8;
    snprintf(e.scope, sizeof e.scope, "job.two");
    snprintf(e.job, sizeof e.job, "two");
    e.reason = REASON_FOREIGN_RESOLVER;
    e.verdict = VERDICT_WOULD_DENY;
    e.count = 3;
    eventlog_add(f.log, &e, SECOND);
    eventlog_tick(f.log, SECOND + 1000); /* still full */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    eventlog_tick(f.log, 3 * SECOND);
    char *text = text_of(f.file), *second = strchr(text, '\n');
    assert_non_null(second);
    *second++ = '\0';
    assert_non_null(strstr(text, "\"scope\":\"job.one\""));
    assert_non_null(strstr(text, "\"job\":\"one\""));
    assert_non_null(strstr(text, "\"reason\":\"events_lost\""));
    assert_non_null(strstr(text, "\"verdict\":\"deny\""));
    assert_non_null(strstr(second, "\"scope\":\"job.two\""));
    assert_non_null(strstr(second, "\"reason\":\"attacks_lost\""));
    assert_non_null(strstr(second, "\"verdict\":\"would_deny\""));
    assert_non_null(strstr(second, "\"count\":3"));
    free(text);
    assert_int_equal(lines_of(f.file), 2);
    eventlog_tick(f.log, 9 * SECOND);
    assert_int_equal(lines_of(f.file), 2);
    fixture_done(&f);
}

static void test_log(void **state)
{
    int saved = dup(STDERR_FILENO), out = memfd_create("stderr", MFD_CLOEXEC);
    (void)state;
    assert_true(dup2(out, STDERR_FILENO) >= 0);
    log_note("%s", "plain\x1b[31m\n  second line");
    log_error("no %d", 7);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    char *text = text_of(out);
    assert_string_equal(text, "sluice: plain\\x1b[31m\n  second line\nsluice: error: no 7\n");
    free(text);
    assert_false(log_wants_color(out));
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0) {
        int terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
        setenv("TERM", "xterm", 1);
        unsetenv("NO_COLOR");
        assert_int_equal(log_wants_color(terminal), isatty(terminal));
        setenv("NO_COLOR", "1", 1);
        assert_false(log_wants_color(terminal));
        close(terminal);
    }
    close(master);
    close(saved);
    close(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_at_once_then_merged),
        cmocka_unit_test(test_merged_names_who_was_found),
        cmocka_unit_test(test_what_is_the_same),
        cmocka_unit_test(test_who_sees_what),
        cmocka_unit_test(test_flood_of_names),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_full_pipe_and_socket),
        cmocka_unit_test(test_losses_once_a_second),
        cmocka_unit_test(test_losses_by_scope),
        cmocka_unit_test(test_log),
    };
    return cmocka_run_group_tests_name("eventlog", tests, NULL, NULL);
}
