/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose a connection of the relay's is: the keeper says it, before anything is read from the client. */
#include "tests/unit/relay_bed.h"

static void whose(void **state)
{
    (void)state;
    need_bed();
    uint8_t asked[600];
    union relay_address from;
    unsigned before;

    usleep(100000);
    while (receive(bed.resolver[0], asked, sizeof asked, &from, 50))
        ;
    int nobody = client_of(false, 0);
    send_question(nobody, 1);
    assert_true(is_closed(nobody, 1000));
    close(nobody);
    mute = true; /* a keeper that dies with the question: the next is asked again */
    before = asks;
    int client = client_of(false, 1);
    send_question(client, 2);
    assert_int_equal(receive(bed.resolver[0], asked, sizeof asked, &from, 500), 0);
    assert_int_equal(asks, before + 1);
    mute = false;
    assert_int_equal(receive(bed.resolver[0], asked, sizeof asked, &from, 2000), sizeof question);
    assert_int_equal(asks, before + 2);
    asked[2] |= 0x80;
    sendto(bed.resolver[0], asked, sizeof question, 0, &from.any, len_of(&from));
    assert_int_equal(receive(client, asked, sizeof asked, NULL, 1000), 2 + sizeof question);
    close(client);

    /* Gone when the answer comes: what it had written is not asked, for its ports may be another's by then. */
    mute = true;
    client = client_of(false, 1);
    send_question(client, 3);
    usleep(100000);
    reset(client);
    mute = false;
    assert_int_equal(receive(bed.resolver[0], asked, sizeof asked, &from, 2000), 0);
}

/* While the keeper says nothing, some wait, none is thrown out for another, and all are served in the end. */
static void patience(void **state)
{
    (void)state;
    need_bed();
    enum { MANY = RELAY_CONNECTIONS / 2 };
    static int client[MANY];
    uint8_t asked[600], got[600];
    union relay_address from;
    unsigned before = asks;

    mute = true;
    for (unsigned i = 0; i < MANY; i++) {
        client[i] = client_of(false, 1);
        send_question(client[i], (uint16_t)i);
    }
    usleep(300000);
    assert_in_range(asks - before, RELAY_CONNECTIONS / 4, RELAY_CONNECTIONS / 4 + 1);
    mute = false;
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(receive(bed.resolver[0], asked, sizeof asked, &from, 3000), sizeof question);
        asked[2] |= 0x80;
        sendto(bed.resolver[0], asked, sizeof question, 0, &from.any, len_of(&from));
    }
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(receive(client[i], got, sizeof got, NULL, 1000), 2 + sizeof question);
        close(client[i]);
    }
}

/* A lost question is sent again, byte for byte; an ICMP error ends it at once with SERVFAIL. */
static void lost_and_refused(void **state)
{
    (void)state;
    need_bed();
    uint8_t asked[600], again[600], got[600];
    union relay_address from;
    uint8_t longer[2 + 33] = {0, 33}; /* told from what earlier tests' clients still wait for by its length */
    int client = client_of(false, 2);
    memcpy(longer + 2, question, sizeof question);
    assert_int_equal(send(client, longer, sizeof longer, 0), sizeof longer);
    while (receive(bed.resolver[0], asked, sizeof asked, &from, 1000) != 33)
        ;
    for (unsigned i = 0; i < 1000 && receive(bed.resolver[0], again, sizeof again, &from, 2000) != 33; i++)
        memset(again, 0, sizeof again);
    assert_memory_equal(asked, again, 33);
    close(client);

    close(bed.resolver[0]); /* from now on: port unreachable */
    client = client_of(false, 2);
    send_question(client, 10);
    assert_int_equal(receive(client, got, sizeof got, NULL, 500), 2 + sizeof question);
    assert_true(got[3] == 10 && got[4] == 0x81 && got[5] == 0x82);
    close(client);
    bed.resolver[0] = bound(false, SOCK_DGRAM, 53);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whose),
        cmocka_unit_test(patience),
        cmocka_unit_test(lost_and_refused),
    };
    return cmocka_run_group_tests(tests, bed_setup, bed_teardown);
}
