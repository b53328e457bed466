/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns/message_reverse: the names of addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dns/message.h"

static void test_reverse(void **state)
{
    (void)state;
    static const struct {
        const char *name, *address;
    } rows[] = {
        {"1.2.0.192.in-addr.arpa", "192.0.2.1"}, /* RFC 1035 s3.5 */
        {"b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa",
         "4321:0:1:2:3:4:567:89ab"}, /* RFC 3596 s2.5 */
        {"2.0.192.in-addr.arpa", NULL},
        {"0.1.2.0.192.in-addr.arpa", NULL},
        {"01.2.0.192.in-addr.arpa", NULL},
        {"256.2.0.192.in-addr.arpa", NULL},
        {"x.2.0.192.in-addr.arpa", NULL},
        {"secret.1.2.0.192.in-addr.arpa", NULL},
        {"in-addr.arpa", NULL},
        {"a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa", NULL},
        {"ba.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa", NULL},
        {"1.2.0.192.in-addr.arpa.example", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct name n;
        struct address a;
        char text[ADDRESS_TEXT_SIZE];
        assert_true(name_from_labels((struct bytes){(const uint8_t *)"\1a", 3}, &n));
        n.len = (uint8_t)strlen(rows[i].name);
        memcpy(n.text, rows[i].name, n.len + 1u);
        bool ok = message_reverse_address(&n, &a);
        if (ok != (rows[i].address != NULL))
            fail_msg("%s", rows[i].name);
        if (ok) {
            address_format(&a, text);
            assert_string_equal(text, rows[i].address);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reverse),
    };
    return cmocka_run_group_tests_name("message_reverse", tests, NULL, NULL);
}
