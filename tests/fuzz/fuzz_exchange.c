/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns/exchange against a list of what was asked: an answer finds an entry only if its flow, id, name and type are those
 * of a question that is still open or was answered just now; and it does find it, unless many wrong ones came.
 * Input: steps of 4 octets. */
#include <stdlib.h>
#include <string.h>

#include "dns/exchange.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ASKED_MAX = 512, SECOND = 1000000 };

struct asked {
    uint64_t asked, answered;
    unsigned flow, scope, name, type;
    uint16_t id, our_id;
    bool as;
};

static struct asked asked[ASKED_MAX];
static unsigned count, wrongs;
static uint64_t now = 1000 * SECOND;
static struct exchange *x;

static void require(bool holds)
{
    if (!holds)
        abort();
}

static struct exchange_flow flow_of(unsigned i)
{
    struct address client = {4, {198, 18, 0, (uint8_t)(i & 1)}}, resolver = {4, {198, 18, 0, 53}};
    return (struct exchange_flow){client, resolver, (uint16_t)(40000 + (i >> 1 & 1)), 53};
}

static struct name name_of(unsigned i)
{
    static const char *const names[] = {"a.test", "b.test", "a.a.test", "aa.test"};
    struct name n;
    require(name_from_wire((struct bytes){(const uint8_t *)names[i & 3], strlen(names[i & 3])}, &n));
    return n;
}

static bool open_still(const struct asked *a)
{
    return a->answered ? now - a->answered <= 2 * SECOND : now - a->asked <= 30 * SECOND;
}

static void ask(uint8_t a, uint8_t b, uint16_t id, bool as)
{
    struct asked *again = NULL,
                 new = {.flow = a >> 4 & 3, .scope = 1, .name = b & 3, .type = b & 4 ? 28 : 1, .id = id & 7, .as = as};
    struct exchange_flow flow = flow_of(new.flow);
    struct question q = {.id = new.id, .type = (uint16_t) new.type, .name = name_of(new.name)};
    if (count == ASKED_MAX)
        return;
    struct exchange_entry *e = as ? exchange_ask_as(x, &flow, 1, &q, new.id, now) : exchange_ask(x, &flow, 1, &q, now);
    if (!e)
        return; /* too many of the same: they are not answered */
    require(e->in_use && e->question.id == q.id && e->question.type == q.type &&
            name_equal(&e->question.name, &q.name));
    new.our_id = e->our_id;
    new.asked = now;
    for (unsigned i = 0; i < count; i++) {
        struct asked *old = &asked[i];
        if (!open_still(old) || old->flow != new.flow)
            continue;
        bool equal = old->name == new.name && old->type == new.type;
        /* Equal questions share our id, and no others have it. */
        require(as || old->as || (old->our_id == new.our_id) == equal);
        if (equal && old->id == new.id)
            again = old;
    }
    require(e->as_is == as && (!e->waits || !as));
    *(again ? again : &asked[count++]) = new;
}

static bool mark_answered(const struct exchange_entry *e, unsigned flow, unsigned name)
{
    for (unsigned i = 0; i < count; i++) {
        struct asked *old = &asked[i];
        if (old->flow != flow || old->name != name || old->type != e->question.type || old->our_id != e->our_id ||
            old->id != e->question.id || old->answered || !open_still(old))
            continue;
        old->answered = now;
        return true;
    }
    return false;
}

static void match(uint8_t a, uint8_t b, uint16_t id)
{
    struct exchange_flow flow = flow_of(a >> 4 & 3);
    const struct asked *near = count ? &asked[id % count] : NULL;
    struct answer_head head = {.id = near && b & 8 ? near->our_id : id, .type = b & 4 ? 28 : 1, .name = name_of(b & 3)};
    struct asked *right = NULL;
    for (unsigned i = 0; i < count; i++)
        if (open_still(&asked[i]) && asked[i].flow == (a >> 4 & 3u) && asked[i].our_id == head.id &&
            asked[i].name == (b & 3u) && asked[i].type == head.type)
            right = &asked[i];
    struct exchange_entry *e = exchange_match(x, &flow, &head, now);
    require(!e || right);
    require(e || !right || wrongs >= EXCHANGE_WRONG_MAX);
    if (!e) {
        exchange_wrong(x, &flow, 1, now);
        wrongs++;
    } else if (a & 8) {
        mark_answered(e, a >> 4 & 3u, b & 3u);
        exchange_answered(x, e, now);
        while ((e = exchange_match_shared(x, &flow, &head, now))) {
            require(mark_answered(e, a >> 4 & 3u, b & 3u));
            exchange_shared(x, e);
        }
        for (unsigned i = 0; i < count && wrongs < EXCHANGE_WRONG_MAX; i++) /* all who waited have theirs */
            require(asked[i].answered || asked[i].as || !open_still(&asked[i]) || asked[i].flow != (a >> 4 & 3u) ||
                    asked[i].our_id != head.id || asked[i].name != (b & 3u) || asked[i].type != head.type);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!x)
        require((x = exchange_new(5)));
    now += 200ull * SECOND; /* what came before is over, distrust too */
    exchange_expire(x, now);
    count = wrongs = 0;
    struct reader r = reader_init((struct bytes){data, size}, false);
    for (unsigned i = 0; i < 400 && reader_left(&r) >= 4; i++) {
        uint8_t a = reader_u8(&r), b = reader_u8(&r);
        uint16_t id = reader_u16(&r);
        switch (a & 7) {
        case 0:
        case 1:
        case 2:
            ask(a, b, id, false);
            break;
        case 3:
        case 4:
        case 5:
            match(a, b, id);
            break;
        case 6:
            now += id * 200ull;
            break;
        default:
            exchange_expire(x, now);
        }
    }
    return 0;
}
