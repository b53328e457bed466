/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tls/handshake and tls/client_hello against GnuTLS, as fuzz_client_hello is against OpenSSL: of a hello that we accept
 * with a name, GnuTLS reads the same single name or refuses it; without a name it sees none.
 * Input: a stream, so that recorded hellos are seeds. */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tls/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t scratch[HANDSHAKE_HELLO_MAX + 4];
static struct bytes left; /* what GnuTLS has not read */

static struct {
    bool hello; /* GnuTLS took the extensions */
    bool second;
    char name[256];
} seen;

static void require(bool holds)
{
    if (!holds)
        abort();
}

static ssize_t pull(gnutls_transport_ptr_t at, void *out, size_t len)
{
    struct reader r = reader_init(left, false);
    len = len < left.len ? len : left.len;
    if (len == 0) {
        gnutls_transport_set_errno(*(gnutls_session_t *)at, EAGAIN);
        return -1;
    }
    memcpy(out, reader_bytes(&r, len).at, len);
    left = reader_bytes(&r, reader_left(&r));
    return (ssize_t)len;
}

static ssize_t push(gnutls_transport_ptr_t at, const void *data, size_t len)
{
    (void)at, (void)data;
    return (ssize_t)len;
}

static int on_hello(gnutls_session_t session)
{
    size_t len = sizeof seen.name - 1, more = 0;
    unsigned type;
    seen.hello = true;
    if (gnutls_server_name_get(session, seen.name, &len, &type, 0) == 0)
        seen.name[len] = '\0';
    else
        seen.name[0] = '\0';
    seen.second = gnutls_server_name_get(session, NULL, &more, &type, 1) != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
    return GNUTLS_E_INTERNAL_ERROR; /* that was all */
}

static void ask_gnutls(const uint8_t *stream, size_t len)
{
    static gnutls_certificate_credentials_t credentials;
    static gnutls_priority_t versions;
    gnutls_session_t session;
    memset(&seen, 0, sizeof seen);
    left = (struct bytes){stream, len};
    if (!credentials) {
        gnutls_certificate_allocate_credentials(&credentials);
        gnutls_priority_init(&versions, "NORMAL:+VERS-TLS1.1:+VERS-TLS1.0:%NO_SESSION_HASH", NULL);
    }
    require(gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NONBLOCK) == 0);
    gnutls_priority_set(session, versions);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_transport_set_ptr(session, &session);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_transport_set_push_function(session, push);
    gnutls_handshake_set_post_client_hello_function(session, on_hello);
    gnutls_handshake(session);
    gnutls_deinit(session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct handshake_client got;
    if (size > HANDSHAKE_STREAM_MAX)
        return 0;
    handshake_client((struct bytes){data, size}, false, scratch, &got);
    if (got.state != PARSE_OK)
        return 0;
    ask_gnutls(data, got.consumed);
    if (seen.hello)
        require(!seen.second && strcasecmp(seen.name, got.hello.has_name ? got.hello.server_name.text : "") == 0);
    return 0;
}
