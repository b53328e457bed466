/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The relay: DNS over TCP to messages, and back (DESIGN s3.2; RFC 7766).
 *
 * TCP port 53 of every scope is redirected to one listener.  The keeper says whose an accepted connection is, and marks
 * the UDP sockets of its slot so (ctl/relay_ask.h); until then nothing of it is read.  The relay knows the two-byte
 * length prefix and the message's id, nothing else of what it carries: each message goes by UDP from the slot's socket
 * to the place that the client meant, and is judged there as every other.  The answer goes back with the client's id;
 * one that is truncated, or that does not come, becomes SERVFAIL.
 *
 * One thread; all memory is taken by relay_new: 128 connections of 64 questions, whatever the number of scopes.  A
 * client that stops in the middle of a message, or does not read its answers, is closed after 10 s.  When all
 * connections are taken, the scope that has most of them loses the one that is idle longest: a scope can only starve
 * itself.  While a quarter of them wait for the keeper, the next wait in the listener. */
#ifndef SLUICE_CTL_RELAY_H
#define SLUICE_CTL_RELAY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/error.h"
#include "ctl/relay_connection.h"
#include "ctl/relay_table.h"

#define RELAY_CONNECTIONS 128

struct relay_config {
    int tcp_fd[2];        /* listeners, IPv4 and IPv6, non-blocking; -1 where there is none */
    unsigned slots;       /* rows of udp_fd, at most RELAY_CONNECTIONS: one for each connection */
    const int *udp_fd[2]; /* likewise */
    int keeper_fd;        /* SOCK_SEQPACKET: struct relay_ask, struct relay_ask_answer */
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
