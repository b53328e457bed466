/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The relay: hostile TCP in, messages out, answers back (RFC 1035 s4.2.2, RFC 7766). */
#include "tests/unit/relay_bed.h"

static void exchange(void **state)
{
    (void)state;
    need_bed();
    for (int six = 0; six < 2; six++) {
        uint8_t first[600], second[600], got[600];
        union relay_address from;
        int client = client_of(six, 1);
        send_question(client, 0x1111);
        send_question(client, 0x2222);
        assert_int_equal(receive(bed.resolver[six], first, sizeof first, &from, 1000), sizeof question);
        assert_int_equal(receive(bed.resolver[six], second, sizeof second, &from, 1000), sizeof question);
        assert_memory_equal(first + 2, question + 2, sizeof question - 2); /* as it was, but for the id */
        assert_memory_not_equal(first, second, 2);

        struct relay_asked asked;
        struct address resolver = {.family = six ? 6 : 4};
        resolver.octets[six ? 15 : 3] = 1;
        if (!six)
            resolver.octets[0] = 127;
        union relay_address local = {0};
        socklen_t len = sizeof local.storage;
        getsockname(client, &local.any, &len);
        assert_true(
            relay_table_find(bed.table, 1, &resolver, (struct bytes){(const uint8_t *)"www.test", 8}, 1, &asked));
        assert_true(asked.waiting);
        assert_int_equal(asked.client.port, ntohs(six ? local.v6.sin6_port : local.v4.sin_port));
        assert_false(
            relay_table_find(bed.table, 2, &resolver, (struct bytes){(const uint8_t *)"www.test", 8}, 1, &asked));
        assert_false(
            relay_table_find(bed.table, 1, &resolver, (struct bytes){(const uint8_t *)"www.test", 8}, 28, &asked));
        assert_false(
            relay_table_find(bed.table, 1, &resolver, (struct bytes){(const uint8_t *)"ww.test", 7}, 1, &asked));

        sendto(bed.resolver[six], second, sizeof question, 0, &from.any, len_of(&from)); /* QR is not set */
        second[2] |= 0x80;
        int stranger = bound(six, SOCK_DGRAM, 0);
        sendto(stranger, second, sizeof question, 0, &from.any, len_of(&from)); /* not from where it was asked */
        close(stranger);
        sendto(bed.resolver[six], second, 11, 0, &from.any, len_of(&from)); /* no header */
        uint8_t other[sizeof question];
        memcpy(other, second, sizeof other);
        do
            other[0]++;
        while (!memcmp(other, first, 2));
        sendto(bed.resolver[six], other, sizeof other, 0, &from.any, len_of(&from)); /* an id that nobody asked with */
        assert_int_equal(receive(client, got, sizeof got, NULL, 100), 0);

        sendto(bed.resolver[six], second, sizeof question, 0, &from.any, len_of(&from));
        assert_int_equal(receive(client, got, sizeof got, NULL, 1000), 2 + sizeof question);
        assert_true(got[0] == 0 && got[1] == sizeof question && got[2] == 0x22 && got[3] == 0x22);
        sendto(bed.resolver[six], second, sizeof question, 0, &from.any, len_of(&from)); /* again: it was answered */
        first[2] |= 0x82;                                                                /* truncated */
        sendto(bed.resolver[six], first, sizeof question, 0, &from.any, len_of(&from));
        assert_int_equal(receive(client, got, sizeof got, NULL, 1000), 2 + sizeof question);
        assert_true(got[2] == 0x11 && got[3] == 0x11 && got[4] == 0x81 && got[5] == 0x82); /* SERVFAIL, not TC */
        assert_memory_equal(got + 14, question + 12, sizeof question - 12);
        close(client);
    }
}

static void refused_clients(void **state)
{
    (void)state;
    need_bed();
    static const uint8_t zero[] = {0, 0}, much[] = {0x10, 1}, eleven[] = {0, 11};
    const uint8_t *bad[] = {zero, much, eleven};

    for (unsigned i = 0; i < 3; i++) {
        int client = client_of(false, 2);
        assert_int_equal(send(client, bad[i], 2, 0), 2);
        assert_true(is_closed(client, 1000));
        close(client);
    }
    redirected = false; /* connected to the listener itself: SO_ORIGINAL_DST fails or is the listener */
    for (int six = 0; six < 2; six++) {
        int client = client_of(six, 2);
        assert_true(is_closed(client, 1000));
        close(client);
    }
    redirected = true;
    int half = client_of(false, 2); /* ends after half a message */
    assert_int_equal(send(half, question, 3, 0), 3);
    shutdown(half, SHUT_WR);
    assert_true(is_closed(half, 1000));
    close(half);
}

/* An answer comes also after the client has said all it has to say (half-closed). */
static void half_closed(void **state)
{
    (void)state;
    need_bed();
    uint8_t asked[600], got[600];
    union relay_address from;
    int client = client_of(false, 2);
    send_question(client, 7);
    shutdown(client, SHUT_WR);
    assert_int_equal(receive(bed.resolver[0], asked, sizeof asked, &from, 1000), sizeof question);
    asked[2] |= 0x80;
    sendto(bed.resolver[0], asked, sizeof question, 0, &from.any, len_of(&from));
    assert_int_equal(receive(client, got, sizeof got, NULL, 1000), 2 + sizeof question);
    assert_true(is_closed(client, 1000));
    close(client);
}

/* 64 questions are outstanding at most; the next goes when one is answered.  Ids never repeat among them. */
static void outstanding(void **state)
{
    (void)state;
    need_bed();
    static uint8_t asked[RELAY_OUTSTANDING + 1][600];
    static bool seen[65536];
    union relay_address from;
    uint8_t got[600];
    int client = client_of(false, 2);

    for (uint16_t i = 0; i < 80; i++)
        send_question(client, i);
    for (unsigned i = 0; i < RELAY_OUTSTANDING; i++) {
        assert_int_equal(receive(bed.resolver[0], asked[i], 600, &from, 1000), sizeof question);
        uint16_t id = (uint16_t)(asked[i][0] << 8 | asked[i][1]);
        assert_false(seen[id]);
        seen[id] = true;
    }
    assert_int_equal(receive(bed.resolver[0], got, sizeof got, &from, 100), 0);
    asked[5][2] |= 0x80;
    sendto(bed.resolver[0], asked[5], sizeof question, 0, &from.any, len_of(&from));
    assert_int_equal(receive(bed.resolver[0], got, sizeof got, &from, 1000), sizeof question);
    assert_int_equal(receive(bed.resolver[0], got, sizeof got, &from, 100), 0);
    assert_int_equal(receive(client, got, 2 + sizeof question, NULL, 1000), 2 + sizeof question);
    assert_int_equal(got[3], 5);
    reset(client);
    usleep(50000);
    asked[6][2] |= 0x80; /* its client is gone: nobody's */
    sendto(bed.resolver[0], asked[6], sizeof question, 0, &from.any, len_of(&from));
}

/* One scope takes every connection: another one's still comes in, and the flooding scope pays with its oldest. */
static void flood(void **state)
{
    (void)state;
    need_bed();
    static int greedy[RELAY_CONNECTIONS];
    uint8_t asked[600];
    union relay_address from;

    usleep(100000);
    int quiet = client_of(false, 1);
    usleep(50000);
    for (unsigned i = 0; i < RELAY_CONNECTIONS; i++) {
        greedy[i] = client_of(false, 2);
        if (i % 64 == 63)
            usleep(50000);
    }
    assert_true(is_closed(greedy[0], 1000));
    assert_false(is_closed(greedy[RELAY_CONNECTIONS - 1], 50));
    send_question(quiet, 1);
    assert_int_equal(receive(bed.resolver[0], asked, sizeof asked, &from, 1000), sizeof question);
    asked[2] |= 0x80;
    sendto(bed.resolver[0], asked, sizeof question, 0, &from.any, len_of(&from));
    assert_int_equal(receive(quiet, asked, sizeof asked, NULL, 1000), 2 + sizeof question);
    close(quiet);
    for (unsigned i = 0; i < RELAY_CONNECTIONS; i++)
        close(greedy[i]);
}

/* Until the keeper has said whose a connection is, nothing of it goes; of one that is nobody's, nothing ever does. */

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchange),    cmocka_unit_test(refused_clients), cmocka_unit_test(half_closed),
        cmocka_unit_test(outstanding), cmocka_unit_test(flood),
    };
    return cmocka_run_group_tests(tests, bed_setup, bed_teardown);
}
