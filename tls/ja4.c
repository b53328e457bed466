/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/ja4.h"

/* OpenSSL's high-level digests allocate and, the first time, read configuration files, which the inspector's seccomp
 * filter forbids.  The low-level functions do neither. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <stdio.h>
#include <string.h>

enum { EXTENSION_SERVER_NAME = 0, EXTENSION_ALPN = 16 };

static const char hex[] = "0123456789abcdef";

/* A list of hexadecimal values, hashed as it grows. */
struct list {
    SHA256_CTX sha;
    bool begun;
};

static void list_add(struct list *l, uint16_t value, char separator)
{
    char item[5] = {separator, hex[value >> 12], hex[value >> 8 & 15], hex[value >> 4 & 15], hex[value & 15]};
    size_t skip = l->begun ? 0 : 1;
    SHA256_Update(&l->sha, item + skip, sizeof item - skip);
    l->begun = true;
}

static void list_end(struct list *l, char out[12])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256_Final(digest, &l->sha);
    for (size_t i = 0; i < 6; i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
    if (!l->begun)
        memset(out, '0', 12);
}

/* Shell's sort: at most 8192 values, in place (qsort may allocate). */
static void sort(uint16_t *values, size_t count)
{
    static const size_t gaps[] = {3548, 1577, 701, 301, 132, 57, 23, 10, 4, 1}; /* Ciura 2001, continued */
    for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
        for (size_t i = gaps[g]; i < count; i++) {
            uint16_t value = values[i];
            size_t at = i;
            for (; at >= gaps[g] && values[at - gaps[g]] > value; at -= gaps[g])
                values[at] = values[at - gaps[g]];
            values[at] = value;
        }
    }
}

/* The ciphers' hash; returns how many there are without GREASE. */
static unsigned hash_ciphers(struct bytes ciphers, char out[12])
{
    uint16_t values[JA4_CIPHERS_MAX];
    unsigned count = 0;
    struct reader r = reader_init(ciphers, false);
    while (reader_left(&r) >= 2 && count < JA4_CIPHERS_MAX) {
        uint16_t value = reader_u16(&r);
        if (!ja4_is_grease(value))
            values[count++] = value;
    }
    sort(values, count);
    struct list l = {0};
    SHA256_Init(&l.sha);
    for (unsigned i = 0; i < count; i++)
        list_add(&l, values[i], ',');
    list_end(&l, out);
    return count;
}

/* The hash of extensions and signature algorithms; returns how many extensions there are without GREASE. */
static unsigned hash_extensions(const struct ja4_types *extensions, struct bytes signature_algorithms, char out[12])
{
    struct list l = {0};
    unsigned count = 0;
    SHA256_Init(&l.sha);
    for (unsigned w = 0; w < JA4_TYPE_WORDS; w++) {
        for (uint64_t left = extensions->word[w]; left; left &= left - 1) {
            uint16_t type = (uint16_t)(w * 64 + (unsigned)__builtin_ctzll(left));
            if (ja4_is_grease(type))
                continue;
            count++;
            if (type != EXTENSION_SERVER_NAME && type != EXTENSION_ALPN)
                list_add(&l, type, ',');
        }
    }
    char separator = '_';
    struct reader r = reader_init(signature_algorithms, false);
    while (l.begun && reader_left(&r) >= 2) {
        uint16_t value = reader_u16(&r);
        if (ja4_is_grease(value))
            continue;
        list_add(&l, value, separator);
        separator = ',';
    }
    list_end(&l, out);
    return count;
}

static const char *version_text(uint16_t version)
{
    switch (version) {
    case 0x0304:
        return "13";
    case 0x0303:
        return "12";
    case 0x0302:
        return "11";
    case 0x0301:
        return "10";
    case 0x0300:
        return "s3";
    case 0x0002:
        return "s2";
    default:
        return "00";
    }
}

static bool is_alphanumeric(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* First and last character; of the hexadecimal form where one of them is no letter or digit. */
static void alpn_ends(struct bytes alpn, char out[2])
{
    out[0] = out[1] = '0';
    if (alpn.len == 0)
        return;
    uint8_t first = alpn.at[0], last = alpn.at[alpn.len - 1];
    bool plain = is_alphanumeric(first) && is_alphanumeric(last);
    out[0] = plain ? (char)first : hex[first >> 4];
    out[1] = plain ? (char)last : hex[last & 15];
}

void ja4_build(const struct ja4_input *in, char out[JA4_SIZE])
{
    char ciphers[12], extensions[12], alpn[2];
    unsigned cipher_count = hash_ciphers(in->ciphers, ciphers);
    unsigned extension_count = hash_extensions(in->extensions, in->signature_algorithms, extensions);
    alpn_ends(in->alpn, alpn);
    snprintf(out, JA4_SIZE, "t%s%c%02u%02u%.2s_%.12s_%.12s", version_text(in->version),
             in->extensions->word[0] & 1u << EXTENSION_SERVER_NAME ? 'd' : 'i', cipher_count < 99 ? cipher_count : 99,
             extension_count < 99 ? extension_count : 99, alpn, ciphers, extensions);
}
