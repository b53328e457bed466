/* SPDX-License-Identifier: GPL-3.0-or-later */
/* process_mask_secrets: what looks like a secret in a command line becomes "***", before anything is written anywhere.
 *
 * The text is a command line whose arguments were joined by spaces, so an argument's end can only be guessed: where in
 * doubt more is masked.  Every replacement is at most as long as what it replaces. */
#include "ctl/process.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* Words that make the value of a KEY=VALUE, KEY: VALUE or --KEY VALUE a secret, wherever they stand in the key. */
static const char *const secret_words[] = {"password",      "passwd",      "passphrase", "secret",     "token",
                                           "apikey",        "api-key",     "api_key",    "credential", "private-key",
                                           "privatekey",    "private_key", "access-key", "accesskey",  "access_key",
                                           "authorization", "cookie"};
/* Keys that are one only as a whole. */
static const char *const secret_keys[] = {"pass", "pwd", "auth", "_auth", "proxy-user", "pat", "sig", "signature"};
/* What begins a credential of a known kind, and how long it is at least. */
static const struct {
    const char *prefix;
    size_t len_min;
} secret_prefixes[] = {
    {"AKIA", 20},  {"ASIA", 20},        {"ghp_", 20},   {"gho_", 20},     {"ghu_", 20},     {"ghs_", 20},
    {"ghr_", 20},  {"github_pat_", 24}, {"glpat-", 20}, {"npm_", 36},     {"pypi-", 40},    {"xoxb-", 20},
    {"xoxp-", 20}, {"xoxa-", 20},       {"xoxs-", 20},  {"sk_live_", 16}, {"rk_live_", 16}, {"sk-", 24},
    {"AIza", 35},  {"eyJ", 24},         {"hf_", 20},    {"dop_v1_", 24},  {"SG.", 24},      {"dckr_pat_", 20},
};
static const char *const secret_schemes[] = {"bearer", "basic", "token", "digest", "negotiate", "apikey"};
/* What stands before a colon and an @ without being a user. */
static const char *const secret_not_users[] = {"npm", "file", "link", "workspace", "git", "portal", "patch"};

static bool secret_in(const char *const *list, size_t count, const char *text, size_t len)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(list[i]) == len && strncasecmp(list[i], text, len) == 0)
            return true;
    return false;
}
#define SECRET_IN(list, text, len) secret_in(list, sizeof(list) / sizeof *(list), text, len)

/* Replaces text[from..to) by "***" (by as many stars where it is shorter); returns where the replacement ends. */
static size_t secret_mask(char *text, size_t from, size_t to)
{
    size_t stars = to - from < 3 ? to - from : 3;
    memset(text + from, '*', stars);
    memmove(text + from + stars, text + to, strlen(text + to) + 1);
    return from + stars;
}

static bool secret_is_key(const char *key, size_t len)
{
    while (len && *key == '-')
        key++, len--;
    if (SECRET_IN(secret_keys, key, len))
        return true;
    for (size_t i = 0; i < sizeof secret_words / sizeof *secret_words; i++) {
        size_t n = strlen(secret_words[i]);
        for (size_t k = 0; k + n <= len; k++)
            if (strncasecmp(key + k, secret_words[i], n) == 0)
                return true;
    }
    return false;
}

static bool secret_is_key_byte(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

static size_t secret_word_end(const char *text, size_t at)
{
    return at + strcspn(text + at, " \t\n");
}

/* Masks the value that begins at `at` (behind "KEY=" or "KEY: "): a quoted text, or up to a blank, & , ; or quote. */
static size_t secret_mask_value(char *text, size_t at)
{
    char quote = text[at];
    if (quote == '"' || quote == '\'') {
        size_t len = strcspn(text + at + 1, (char[]){quote, '\0'});
        return len ? secret_mask(text, at + 1, at + 1 + len) : at + 1;
    }
    size_t end = at + strcspn(text + at, " \t\n&,;'\"");
    size_t word = end - at;
    /* "Authorization: Bearer VALUE": the scheme stays. */
    if (SECRET_IN(secret_schemes, text + at, word) && text[end] == ' ' && text[end + 1]) {
        at = end + 1;
        end = at + strcspn(text + at, " \t\n'\"");
    }
    return end > at ? secret_mask(text, at, end) : at;
}

/* KEY=VALUE and KEY: VALUE anywhere, --KEY VALUE. */
static void secret_mask_keys(char *text)
{
    for (size_t at = 0; text[at];) {
        if (!secret_is_key_byte(text[at])) {
            at++;
            continue;
        }
        size_t end = at;
        while (secret_is_key_byte(text[end]))
            end++;
        bool option = text[at] == '-';
        size_t value = end;
        while (text[value] == '"' || text[value] == '\'') /* {"token": "..."} */
            value++;
        if (text[value] == '=' || text[value] == ':')
            value += 1 + strspn(text + value + 1, " ");
        else if (option && text[end] == ' ' && text[end + 1] && text[end + 1] != '-')
            value = end + 1;
        else
            value = 0;
        /* "token://" is no key */
        bool key = value && secret_is_key(text + at, end - at) && strncmp(text + end, "://", 3) != 0;
        at = key ? secret_mask_value(text, value) : end;
    }
}

/* curl's -u USER:PASSWORD and --user USER:PASSWORD: what is behind the colon. */
static void secret_mask_user_option(char *text)
{
    static const char *const options[] = {"-u", "--user", "-U"};
    for (size_t at = 0; text[at];) {
        size_t end = secret_word_end(text, at), stop = end;
        size_t value = 0;
        if (SECRET_IN(options, text + at, end - at) && text[end]) {
            value = end + 1;
            stop = secret_word_end(text, value);
        } else if (strncmp(text + at, "--user=", 7) == 0) {
            value = at + 7;
        } else if (strncmp(text + at, "-u", 2) == 0) {
            value = at + 2;
        }
        char *colon = value && value < stop ? memchr(text + value, ':', stop - value) : NULL;
        if (colon && (size_t)(colon - text) + 1 < stop && colon[1] != '/')
            stop = secret_mask(text, (size_t)(colon - text) + 1, stop);
        at = stop + strspn(text + stop, " \t\n");
    }
}

/* USER:PASSWORD@HOST and SCHEME://TOKEN@HOST. */
static void secret_mask_userinfo(char *text)
{
    for (size_t at = 0; text[at];) {
        size_t end = secret_word_end(text, at), user = at;
        char *scheme = strstr(text + at, "://");
        bool url = scheme && (size_t)(scheme - text) < end;
        if (url)
            user = (size_t)(scheme - text) + 3;
        size_t host_end = user + strcspn(text + user, url ? "/?# \t\n" : "= \t\n");
        char *at_sign = host_end > user ? memrchr(text + user, '@', host_end - user) : NULL;
        size_t from = 0;
        if (at_sign) {
            char *colon = memchr(text + user, ':', (size_t)(at_sign - text) - user);
            if (colon && (url || !SECRET_IN(secret_not_users, text + user, (size_t)(colon - text) - user)))
                from = (size_t)(colon - text) + 1;
            else if (url && (size_t)(at_sign - text) - user >= 16) /* git@host stays, a token does not */
                from = user;
        }
        if (from && from < (size_t)(at_sign - text)) {
            size_t to = (size_t)(at_sign - text);
            size_t after = secret_mask(text, from, to);
            at = after; /* the rest of the word may hold another URL */
        } else {
            at = url && user < end ? user : end;
        }
        at += strspn(text + at, " \t\n");
    }
}

static bool secret_is_run_byte(char c)
{
    return isalnum((unsigned char)c) || c == '+' || c == '/' || c == '_' || c == '-' || c == '.' || c == '=';
}

/* True when no few characters dominate: the chance that two of them are equal is at most 1 in `alphabet` (collision
 * entropy, which needs no logarithm).  Random hex has 1 in 12, random base64 1 in 25 at these lengths, words 1 in 13.
 */
static bool secret_is_even(const char *text, size_t len, size_t alphabet)
{
    unsigned seen[256] = {0};
    size_t equal = 0;
    for (size_t i = 0; i < len; i++)
        equal += 2 * seen[(unsigned char)text[i]]++ + 1; /* sums up to the squares */
    return equal * alphabet <= len * len;
}

/* A word of at least 32 hexadecimal digits or 32 base64 digits that no person and no path would write. */
static bool secret_is_random(const char *text, size_t len)
{
    bool upper = false, lower = false, digit = false, hex = true, slash = false;
    if (len < 32)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        upper |= isupper(c) != 0;
        lower |= islower(c) != 0;
        digit |= isdigit(c) != 0;
        hex &= isxdigit(c) != 0;
        slash |= c == '/';
    }
    if (hex)
        return digit && (upper || lower) && secret_is_even(text, len, 8);
    return upper && lower && digit && secret_is_even(text, len, slash ? 20 : 16);
}

/* Well-known prefixes and random words, without any key before them. */
static void secret_mask_words(char *text)
{
    for (size_t at = 0; text[at];) {
        if (!secret_is_run_byte(text[at])) {
            at++;
            continue;
        }
        size_t end = at;
        while (secret_is_run_byte(text[end]))
            end++;
        bool known = false;
        for (size_t i = 0; i < sizeof secret_prefixes / sizeof *secret_prefixes; i++)
            known |= end - at >= secret_prefixes[i].len_min &&
                     strncmp(text + at, secret_prefixes[i].prefix, strlen(secret_prefixes[i].prefix)) == 0;
        if (known) {
            at = secret_mask(text, at, end);
            continue;
        }
        /* Parts: of a path each component alone, of KEY=VALUE the value; the whole where it is base64 with slashes. */
        if (text[at] != '/' && text[at] != '.' && !memchr(text + at, '.', end - at) && end - at <= 128 &&
            secret_is_random(text + at, end - at)) {
            at = secret_mask(text, at, end);
            continue;
        }
        size_t part = at + strcspn(text + at, "/.=");
        part = part > end ? end : part;
        if (secret_is_random(text + at, part - at))
            part = secret_mask(text, at, part);
        at = part + (text[part] == '/' || text[part] == '.' || text[part] == '=');
    }
}

void process_mask_secrets(char *command_line)
{
    secret_mask_keys(command_line);
    secret_mask_user_option(command_line);
    secret_mask_userinfo(command_line);
    secret_mask_words(command_line);
}
