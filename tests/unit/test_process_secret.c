/* SPDX-License-Identifier: GPL-3.0-or-later */
/* process_mask_secrets: what a command line must not give away, and what must stay readable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "ctl/process.h"

static void test_mask_secrets(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"curl https://registry.example/left-pad", "curl https://registry.example/left-pad"},
        {"npm publish --token=abcdef123", "npm publish --token=***"},
        {"tool --password hunter2 --verbose", "tool --password *** --verbose"},
        {"tool --password --verbose", "tool --password --verbose"},
        {"env GITHUB_TOKEN=xyzxyz make all", "env GITHUB_TOKEN=*** make all"},
        {"env AWS_SECRET_ACCESS_KEY='a b c' make", "env AWS_SECRET_ACCESS_KEY='***' make"},
        {"curl -H Authorization: Bearer abc.def x", "curl -H Authorization: Bearer *** x"},
        {"curl -H authorization:Basic dXNlcjpw x", "curl -H authorization:Basic *** x"},
        {"curl -H PRIVATE-TOKEN: abcdefg x", "curl -H PRIVATE-TOKEN: *** x"},
        {"curl -u bob:hunter2 https://x.example/", "curl -u bob:*** https://x.example/"},
        {"curl --user=bob:hunter2 x", "curl --user=bob:*** x"},
        {"git clone https://bob:hunter2@git.example/a.git", "git clone https://bob:***@git.example/a.git"},
        {"git clone https://0123456789abcdefghij@git.example/a", "git clone https://***@git.example/a"},
        {"git clone ssh://git@git.example/a.git", "git clone ssh://git@git.example/a.git"},
        {"rsync bob:hunter2@host.example x", "rsync bob:***@host.example x"},
        {"npm install npm:left-pad@1.2.3 @acme/x@2", "npm install npm:left-pad@1.2.3 @acme/x@2"},
        {"curl https://x.example/?access_token=abc&page=2", "curl https://x.example/?access_token=***&page=2"},
        {"aws --key AKIAIOSFODNN7EXAMPLE", "aws --key ***"},
        {"git push ghp_abcdefghijklmnopqrstuvwxyz0123456789", "git push ***"},
        {"x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "x ***"},
        {"x -d {\"token\": \"abc\", \"n\": 1}", "x -d {\"token\": \"***\", \"n\": 1}"},
        {"sign 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "sign ***"},
        {"aws wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY1x9", "aws ***"},
        {"x=Zm9vYmFyQmF6MTIzNDU2Nzg5MHF3ZXJ0eVVJT1A=", "***"},
        {"x.y=Zm9vYmFyQmF6MTIzNDU2Nzg5MHF3ZXJ0eVVJT1A=", "x.***"},
        /* what is no secret stays readable */
        {"cc -o /build/my-build_crate-fda8329cae6582f9/build-script-build x.c",
         "cc -o /build/my-build_crate-fda8329cae6582f9/build-script-build x.c"},
        {"java com.example.SomeVeryLongClassNameForTesting2", "java com.example.SomeVeryLongClassNameForTesting2"},
        {"node /usr/lib/node_modules/npm/lib/commands/install.js",
         "node /usr/lib/node_modules/npm/lib/commands/install.js"},
        {"python -c 'import author'", "python -c 'import author'"},
        {"make 00000000000000000000000000000000000", "make 00000000000000000000000000000000000"},
        {"", ""},
        {"=", "="},
        {"--token", "--token"},
        {"--token=", "--token="},
        {"token:", "token:"},
        {"://:@", "://:@"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = strdup(rows[i].in); /* exact size: the sanitizer sees a byte too many */
        process_mask_secrets(text);
        if (strcmp(text, rows[i].out) != 0)
            fail_msg("%s\n became %s\n not    %s", rows[i].in, text, rows[i].out);
        free(text);
    }
}

/* Any bytes: never longer, never out of bounds, always ended. */
static void test_mask_random(void **state)
{
    static const char alphabet[] = "ab:@/=-_ \"'?&.AKIAtoken\xff\n1";
    uint32_t seed = 12345;
    (void)state;
    for (int round = 0; round < 20000; round++) {
        char in[64], *text;
        size_t n = 0;
        seed = seed * 1664525 + 1013904223;
        for (size_t len = seed >> 8 & 63; n < len && n < 63; n++) {
            seed = seed * 1664525 + 1013904223;
            in[n] = alphabet[(seed >> 10) % (sizeof alphabet - 1)];
            if ((seed >> 24) % 8 == 0 && n + 6 < 63) {
                memcpy(in + n, "token=", 6);
                n += 5;
            }
        }
        in[n] = '\0';
        text = strdup(in);
        process_mask_secrets(text);
        assert_true(strlen(text) <= n);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mask_secrets), cmocka_unit_test(test_mask_random)};
    return cmocka_run_group_tests_name("process_secret", tests, NULL, NULL);
}
