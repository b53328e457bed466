/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The relay: DNS over TCP to messages, and back (DESIGN s3.2; RFC 7766).
 *
 * A scope's TCP port 53 is redirected to the scope's listener.  The relay knows the two-byte length prefix and the
 * message's id, nothing else of what it carries: each message goes by UDP from the scope's marked socket to the place
 * that the client meant, and is judged there as every other.  The answer goes back with the client's id; one that is
 * truncated, or that does not come, becomes SERVFAIL.
 *
 * One thread; all memory is taken by relay_new: 256 connections of 64 questions.  A client that stops in the middle of
 * a message, or does not read its answers, is closed after 10 s.  When all connections are taken, the scope that has
 * most of them loses the one that is idle longest: a scope can only starve itself. */
#ifndef SLUICE_CTL_RELAY_H
#define SLUICE_CTL_RELAY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/error.h"
#include "ctl/relay_connection.h"
#include "ctl/relay_table.h"

#define RELAY_CONNECTIONS 256
#define RELAY_SCOPES_MAX  64

struct relay_config {
    unsigned scopes;      /* rows of the four below; -1 where there is none */
    const int *tcp_fd[2]; /* listeners, IPv4 and IPv6, non-blocking */
    const int *udp_fd[2]; /* marked sockets, non-blocking */
    struct relay_table *table;
    int stop_fd; /* readable: relay_run returns */
    /* Where the connection `fd` was going before it was redirected (relay_origin; a test has its own).  False: it was
     * not redirected, and is closed. */
    bool (*origin)(int fd, bool six, struct sockaddr_storage *out);
};

struct relay;

struct relay *relay_new(const struct relay_config *config, struct error *e);
void relay_free(struct relay *r);
/* Serves until stop_fd is readable. */
bool relay_run(struct relay *r, struct error *e);

/* SO_ORIGINAL_DST; false also where it is the local address: the connection was made to the listener itself. */
bool relay_origin(int fd, bool six, struct sockaddr_storage *out);

#endif
