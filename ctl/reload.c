/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/keeper.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "ctl/bundle.h"
#include "ctl/control.h"
#include "ctl/rejudge.h"

#define ANSWER_USEC 15000000u /* for the inspector to compile a million names */

static void heed_audit(const struct keeper *k, struct policy *policy)
{
    for (unsigned i = 0; policy && k->gate->audit && i < policy->scopes; i++)
        policy->scope[i].mode = POLICY_AUDIT;
}

struct policy *reload_compile(const struct keeper *k, struct bytes bundle, struct error *e)
{
    struct policy *policy = policy_from_bundle(bundle, e);
    heed_audit(k, policy);
    return policy;
}

/* The policy that the gate began with is here already, compiled by the launcher, and its memory is shared by all. */
static bool take_stored(struct keeper *k, struct error *e)
{
    bool first = k->gate->policy && bundle_serial(k->gate->bundle_fd) == k->gate->policy_serial;
    if (!bundle_read(k->gate->bundle_fd, first ? NULL : &k->bundle, k->ids, e))
        return false;
    k->policy = first ? k->gate->policy : reload_compile(k, k->bundle, e);
    heed_audit(k, k->policy);
    char *file = first || !k->policy_file ? NULL : policy_bundle_file(k->bundle);
    if (file) {
        free(k->policy_file);
        k->policy_file = file;
    }
    return k->policy != NULL;
}

/* Hands a bundle to the inspector; its answer comes to reload_answer. */
bool reload_send(struct keeper *k, enum keeper_why why, struct bytes bundle, struct error *e)
{
    static struct channel_policy message; /* 4 KiB; one thread */
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } ancillary = {0};
    bool inherited = why != KEEPER_RELOAD && k->policy == k->gate->policy;
    int fd = inherited ? -1 : bundle_seal(bundle, e);
    if (fd < 0 && !inherited)
        return false;
    message = (struct channel_policy){.kind = CHANNEL_POLICY,
                                      .generation = k->generation = atomic_fetch_add(&k->shared->generation, 1) + 1,
                                      .audit = k->gate->audit,
                                      .inherited = inherited,
                                      .bundle_len = bundle.len,
                                      .own_addresses = k->own_addresses};
    memcpy(message.own_address, k->own_address, sizeof message.own_address);
    struct iovec vector = {&message, sizeof message};
    struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
    if (fd >= 0) {
        header.msg_control = ancillary.bytes;
        header.msg_controllen = sizeof ancillary.bytes;
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    }
    bool sent = sendmsg(k->gate->control_fd[0], &header, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof message;
    if (!sent)
        error_set(e, ERROR_SYSTEM, errno, "cannot hand the policy to the inspector");
    if (fd >= 0)
        close(fd);
    if (sent) {
        k->pending.why = why;
        k->pending.generation = k->generation;
        k->pending.deadline_usec = clock_boot_usec() + ANSWER_USEC;
    }
    return sent;
}

void reload_drop(struct keeper_pending *p)
{
    policy_free(p->policy);
    free((void *)(uintptr_t)p->bundle.at);
    free(p->ids);
    free(p->file);
    json_decref(p->answer);
    *p = (struct keeper_pending){0};
}

static void ready_text(const struct keeper *k, char *out, size_t size)
{
    unsigned scopes = 0, audited = 0;
    for (unsigned i = 0; i < k->policy->scopes; i++)
        if (rules_holds(k->gate, &k->policy->scope[i])) {
            scopes++;
            audited += k->policy->scope[i].mode == POLICY_AUDIT;
        }
    int n = snprintf(out, size, "%u scope%s", scopes, scopes == 1 ? "" : "s");
    if (audited && n > 0 && (size_t)n < size)
        n += snprintf(out + n, size - (size_t)n, " (%u audited)", audited);
    if (k->rules.missing && n > 0 && (size_t)n < size)
        n += snprintf(out + n, size - (size_t)n, ", %u cgroup%s awaited", k->rules.missing,
                      k->rules.missing == 1 ? "" : "s");
    if (n > 0 && (size_t)n < size)
        snprintf(out + n, size - (size_t)n, ", %s queue%s", k->gate->kernel.native_queue ? "native" : "xt",
                 k->gate->kernel.persist ? "" : ", rules end with the gate's last process");
}

/* Before anybody is told that the job is held. */
static void keep_jobs(const struct keeper *k)
{
    struct error e = {0};
    if (!k->gate->run.on && !jobs_keep(&k->jobs, k->policy, &e))
        fprintf(stderr, "sluice: keeper: a gate that is started after this one would not know its jobs: %s\n", e.text);
}

static void finish_start(struct keeper *k)
{
    struct error e = {0};
    char text[500];
    if (!reload_apply(k, k->policy, &e)) {
        gate_send(k->gate->main_fd[0], GATE_FAILED, e.text);
        if (atomic_load(&k->shared->ready)) {
            fprintf(stderr, "sluice: keeper: %s\n", e.text);
            _exit(1); /* the rules of before hold; started again */
        }
        atomic_store(&k->shared->stopping, GATE_STOPS_FAILED);
        _exit(0);
    }
    if (!atomic_load(&k->shared->ready)) {
        if (k->gate->goes_on) /* the same ids, perhaps another policy */
            rejudge_all(k, k->gate->same_policy ? k->policy : NULL);
        else /* scope ids of another gate may have meant other scopes */
            rejudge_forget_all(k);
        if (!bundle_settle(k->gate->bundle_fd, &e)) /* gate_open left that to us */
            fprintf(stderr, "sluice: keeper: %s\n", e.text);
    }
    keep_jobs(k);
    pressure_begin(k);
    keeper_count_bytes(!atomic_load(&k->shared->ready));
    ready_text(k, text, sizeof text);
    gate_send(k->gate->main_fd[0], GATE_READY, text);
}

/* The old policy stays in force; `why` goes to whoever asked. */
static void reload_failed(struct keeper *k, const struct error *why)
{
    struct error e = {0};
    if (!k->pending.answer) {
        snprintf(k->reload_error, sizeof k->reload_error, "%s", why->text);
        fprintf(stderr, "sluice: reload refused, the old policy stays in force: %s\n", why->text);
    }
    if (k->pending.answer && !k->pending.client.control) /* a change that nobody asked for (jobs_tick, jobs_follow) */
        fprintf(stderr, "sluice: keeper: job %s: %s\n", json_string_value(json_object_get(k->pending.answer, "job")),
                why->text);
    control_answer(k->pending.client, control_error(why));
    reload_drop(&k->pending);
    if (!reload_send(k, KEEPER_AGAIN, k->bundle, &e))
        fprintf(stderr, "sluice: keeper: %s\n", e.text);
}

static json_t *tell_reload(struct keeper *k, unsigned cut)
{
    char text[300];
    k->reload_error[0] = 0;
    k->reloads++;
    k->reloaded_usec = clock_real_usec();
    ready_text(k, text, sizeof text);
    if (k->policy->scopes == 0)
        fprintf(stderr, "sluice: warning: " GATE_HOLDS_NOTHING "\n", k->policy_file);
    fprintf(stderr, "sluice: policy reloaded: %s; %u open connection%s cut\n", text, cut, cut == 1 ? "" : "s");
    return json_pack("{s:i, s:b, s:s, s:i, s:i, s:s}", "version", CONTROL_VERSION, "ok", 1, "policy", k->policy_file,
                     "scopes", (int)k->policy->scopes, "cut", (int)cut, "holds", text);
}

static void finish_reload(struct keeper *k)
{
    struct error e = {0};
    struct keeper_pending *p = &k->pending;
    /* All that the inspector had to say of scopes that go, while they have their names: it knows them no more, and
     * those that come have no packets before their rules are there. */
    attend_quiet(k);
    if (!reload_apply(k, p->policy, &e)) {
        reload_failed(k, &e);
        return;
    }
    if (!bundle_switch(k->gate->bundle_fd, &e)) /* in force, but a keeper started anew has the old */
        fprintf(stderr, "sluice: keeper: %s\n", e.text);
    json_t *answer = p->answer;
    if (p->leaves[0])
        jobs_leave(k, p->leaves, answer);
    struct control_client client = p->client;
    struct policy *old = k->policy;
    k->policy = p->policy;
    free((void *)(uintptr_t)k->bundle.at);
    k->bundle = p->bundle;
    free(k->ids);
    k->ids = p->ids;
    free(k->policy_file);
    k->policy_file = p->file;
    k->pending = (struct keeper_pending){0};
    if (!jobs_read(&k->jobs, k->bundle, &e))
        fprintf(stderr, "sluice: keeper: %s\n", e.text);
    keep_jobs(k);
    unsigned cut = reload_settle(k, old);
    k->flow_tables_seen = k->flow_tables_seen && gate_forwards(k->gate, old); /* else one matters only now */
    if (old == k->gate->policy)
        k->gate->policy = NULL; /* ours only: the others have theirs */
    policy_free(old);
    if (answer)
        json_object_set_new(answer, "cut", json_integer(cut));
    else
        answer = tell_reload(k, cut);
    control_answer(client, answer);
}

void reload_answer(struct keeper *k, const struct channel_policy_done *done)
{
    struct error e = {0};
    if (done->kind == CHANNEL_STARTED) {
        /* A new inspector knows nothing: it gets what it would have had, and then what is to come, if anything is. */
        struct bytes bundle = k->pending.why == KEEPER_RELOAD ? k->pending.bundle : k->bundle;
        if (!reload_send(k, k->pending.why == KEEPER_IDLE ? KEEPER_AGAIN : k->pending.why, bundle, &e))
            fprintf(stderr, "sluice: keeper: %s\n", e.text);
        return;
    }
    if (done->generation != k->pending.generation || k->pending.why == KEEPER_IDLE)
        return;
    enum keeper_why why = k->pending.why;
    if (!done->ok) {
        error_set(&e, ERROR_SYSTEM, 0, "the inspector could not take the policy");
        if (why == KEEPER_RELOAD)
            reload_failed(k, &e);
        return; /* else the deadline passes and it is sent again */
    }
    if (why == KEEPER_RELOAD) {
        finish_reload(k);
        return;
    }
    k->pending.why = KEEPER_IDLE;
    if (why == KEEPER_START)
        finish_start(k);
    reload_settle_other(k);
}

/* The bundle in force, which is read again only when it is needed. */
static bool have_bundle(struct keeper *k, struct error *e)
{
    return k->bundle.at || bundle_read(k->gate->bundle_fd, &k->bundle, NULL, e);
}

bool reload_start(struct keeper *k, struct error *e)
{
    k->ids = calloc(1, sizeof *k->ids);
    if (!k->ids)
        return error_set(e, ERROR_SYSTEM, ENOMEM, "cannot load the policy");
    if (!take_stored(k, e))
        return false;
    policy_ids_remember(k->ids, k->policy);
    bool jobs = false;
    for (unsigned i = 0; i < k->policy->scopes; i++)
        jobs = jobs || k->policy->scope[i].job;
    if (jobs && (!have_bundle(k, e) || !jobs_read(&k->jobs, k->bundle, e)))
        return false;
    k->own_addresses = surroundings_addresses(k->own_address);
    if (!policy_system_read(RESOLV_CONF, &k->system, e))
        return false;
    return reload_send(k, KEEPER_START, k->bundle, e);
}

/* What the bundle of *out says, compiled; it must be of the mark that open connections carry. */
static bool take_bundle(struct keeper *k, struct keeper_pending *out, struct error *e)
{
    out->policy = reload_compile(k, out->bundle, e);
    return out->policy && (out->policy->mark_mask == k->gate->marks.mask ||
                           error_set(e, ERROR_INPUT, 0,
                                     "another mark needs a restart of the gate: open connections carry the old one"));
}

static bool begin_pending(const struct keeper *k, const char *file, struct keeper_pending *out, struct error *e)
{
    out->ids = malloc(sizeof *out->ids);
    out->file = file ? strdup(file) : NULL;
    if (!out->ids || (file && !out->file))
        return error_set(e, ERROR_SYSTEM, ENOMEM, "cannot load the policy");
    *out->ids = *k->ids;
    return true;
}

/* The jobs that run go on under whatever files come. */
static bool carry_jobs(struct keeper *k, struct bytes *bundle, struct error *e)
{
    struct bytes with;
    if (k->jobs.count == 0)
        return true;
    if (!have_bundle(k, e) ||
        !policy_bundle_change(*bundle, &(struct policy_bundle_change){.jobs_of = k->bundle}, k->ids, &with, e))
        return false;
    free((void *)(uintptr_t)bundle->at);
    *bundle = with;
    return true;
}

bool reload_read(struct keeper *k, const char *file, struct keeper_pending *out, struct error *e)
{
    struct policy_system system = {0};
    *out = (struct keeper_pending){0};
    bool ok = begin_pending(k, file ? file : k->gate->policy_path, out, e) &&
              policy_system_read(RESOLV_CONF, &system, e) &&
              /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): reload_drop frees it */
              policy_bundle_load(out->file, &system, k->ids, &out->bundle, e) && carry_jobs(k, &out->bundle, e) &&
              take_bundle(k, out, e);
    if (!ok)
        reload_drop(out);
    return ok;
}

/* Hands it to the inspector and keeps it until the answer comes; what is not kept is freed. */
static bool send_pending(struct keeper *k, struct keeper_pending *next, struct error *e)
{
    policy_ids_remember(next->ids, next->policy);
    bool prepared = bundle_prepare(k->gate->bundle_fd, next->bundle, next->ids, e);
    if (!prepared || !reload_send(k, KEEPER_RELOAD, next->bundle, e)) {
        if (prepared)
            (void)bundle_settle(k->gate->bundle_fd, NULL); /* nobody has judged by it */
        reload_drop(next);
        return false;
    }
    next->why = k->pending.why;
    next->generation = k->pending.generation;
    next->deadline_usec = k->pending.deadline_usec;
    k->pending = *next;
    return true;
}

bool reload_may_begin(const struct keeper *k, struct error *e)
{
    return (k->pending.why != KEEPER_START && k->pending.why != KEEPER_RELOAD &&
            !bundle_unsettled(k->gate->bundle_fd)) ||
           error_set(e, ERROR_LIMIT, 0, "the change of policy before this one is not finished yet; try again");
}

bool reload_change(struct keeper *k, const struct reload_change *change, struct error *e)
{
    struct keeper_pending next = {.answer = change->answer};
    bool ok = reload_may_begin(k, e) && begin_pending(k, k->policy_file, &next, e) && have_bundle(k, e) &&
              (!change->phase || policy_ids_set_phase(next.ids, k->policy, change->scope, change->phase, e)) &&
              /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): reload_drop frees it */
              policy_bundle_change(k->bundle, &change->bundle, next.ids, &next.bundle, e) && take_bundle(k, &next, e);
    next.client = change->client;
    snprintf(next.leaves, sizeof next.leaves, "%s", change->leaves ? change->leaves : "");
    if (!ok)
        reload_drop(&next);
    return ok && send_pending(k, &next, e);
}

bool reload_begin(struct keeper *k, const struct reload_ask *ask, struct error *e)
{
    struct keeper_pending next;
    if (!reload_may_begin(k, e) || !reload_read(k, ask->file, &next, e))
        return false;
    next.client = ask->client;
    return send_pending(k, &next, e);
}

void reload_signal(struct keeper *k)
{
    struct error e = {0};
    if (!k->gate->policy_path || k->finished || reload_begin(k, &(struct reload_ask){0}, &e))
        return;
    snprintf(k->reload_error, sizeof k->reload_error, "%s", e.text);
    fprintf(stderr, "sluice: reload refused, the old policy stays in force: %s\n", e.text);
}

void reload_tick(struct keeper *k)
{
    struct error e = {0};
    if (k->pending.why != KEEPER_IDLE && clock_boot_usec() > k->pending.deadline_usec) {
        error_set(&e, ERROR_SYSTEM, 0, "the inspector did not answer in time");
        if (k->pending.why == KEEPER_RELOAD) {
            reload_failed(k, &e);
        } else if (k->pending.why == KEEPER_START && !atomic_load(&k->shared->ready)) {
            gate_send(k->gate->main_fd[0], GATE_FAILED, e.text);
            atomic_store(&k->shared->stopping, GATE_STOPS_FAILED);
            _exit(0);
        } else if (!reload_send(k, k->pending.why, k->bundle, &e)) {
            fprintf(stderr, "sluice: keeper: %s\n", e.text);
        }
    }
    if (!k->applied || k->finished)
        return;
    if (k->pending.why == KEEPER_IDLE && bundle_unsettled(k->gate->bundle_fd) &&
        !reload_send(k, KEEPER_AGAIN, k->bundle, &e))
        fprintf(stderr, "sluice: keeper: %s\n", e.text);
    surroundings_tick(k);
    jobs_follow(k);
    jobs_tick(k);
    reload_verify(k);
}
