/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "ctl/peer.h"

#define REQUEST_MAX           (256u << 10)
#define REQUEST_EVERYBODY_MAX (8u << 10)
#define REQUEST_SIZE          4096 /* at first */
#define CLIENT_USEC           5000000u
#define ANSWER_BYTES          (16u << 20)

struct client {
    int fd; /* -1: free */
    uint32_t number;
    bool waits; /* its request was read whole, the answer is to come */
    uint64_t since_usec;
    size_t have, size;
    char *request;
    struct peer peer;
};

struct control {
    int listen_fd;
    bool everybody;
    uint32_t last_number;
    struct client client[CONTROL_CLIENTS];
};

struct control *control_new(int listen_fd, bool everybody)
{
    struct control *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->listen_fd = listen_fd;
    c->everybody = everybody;
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
        c->client[i].fd = -1;
    return c;
}

static void client_close(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    client->number = 0;
    client->waits = false;
    client->have = client->size = 0;
    free(client->request);
    client->request = NULL;
}

unsigned control_poll(const struct control *c, struct pollfd *fds)
{
    fds[0] = (struct pollfd){.fd = c->listen_fd, .events = POLLIN};
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
        fds[i + 1] = (struct pollfd){.fd = c->client[i].waits ? -1 : c->client[i].fd, .events = POLLIN};
    return CONTROL_CLIENTS + 1;
}

static void send_answer(struct client *client, json_t *answer)
{
    int bytes = ANSWER_BYTES;
    char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
    const char *said =
        text ? text : "{\"version\": 1, \"ok\": false, \"error\": {\"kind\": \"limit\", \"text\": \"no memory\"}}";
    /* One send into a buffer that holds it whole: a client that does not read cannot keep us. */
    setsockopt(client->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
    if (send(client->fd, said, strlen(said), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        errno = 0;
    free(text);
    json_decref(answer);
    client_close(client);
}

void control_answer(struct control_client client, json_t *answer)
{
    for (unsigned i = 0; client.control && i < CONTROL_CLIENTS; i++)
        if (client.control->client[i].number == client.number) {
            send_answer(&client.control->client[i], answer);
            return;
        }
    json_decref(answer);
}

/* The place of a new client: a free one, or the oldest that has not asked yet.  NULL: all wait for their answers. */
static struct client *find_place(struct control *c)
{
    struct client *place = NULL;
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
        struct client *at = &c->client[i];
        if (at->fd < 0)
            return at;
        if (!at->waits && (!place || at->since_usec < place->since_usec))
            place = at;
    }
    return place;
}

static void accept_client(struct control *c)
{
    int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct peer peer;
    if (fd < 0)
        return;
    struct client *place = find_place(c);
    if (!place || !peer_look(fd, &peer) || (!c->everybody && peer.uid != 0)) {
        close(fd);
        return;
    }
    client_close(place);
    place->fd = fd;
    place->peer = peer;
    place->since_usec = clock_boot_usec();
    if (++c->last_number == 0)
        c->last_number = 1;
    place->number = c->last_number;
}

/* Room for more of the request; false: it is longer than it may be, or memory is short. */
static bool make_room(struct client *client, size_t most)
{
    if (client->size - client->have > 1)
        return true;
    size_t size = client->size ? 2 * client->size : REQUEST_SIZE;
    char *grown = size <= most ? realloc(client->request, size) : NULL;
    if (!grown)
        return false;
    client->request = grown;
    client->size = size;
    return true;
}

static void read_client(struct control *c, struct keeper *k, struct client *client)
{
    if (!make_room(client, c->everybody ? REQUEST_EVERYBODY_MAX : REQUEST_MAX)) {
        send_answer(client, control_refused("the request is longer than it may be"));
        return;
    }
    ssize_t n = recv(client->fd, client->request + client->have, client->size - client->have - 1, 0);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            client_close(client);
        return;
    }
    client->have += (size_t)n;
    client->request[client->have] = 0;
    char *end = strchr(client->request, '\n');
    if (!end)
        return;
    *end = 0;
    client->waits = true;
    struct control_ask ask = {.k = k, .client = {c, client->number}, .peer = &client->peer, .everybody = c->everybody};
    json_t *answer = control_request(&ask, client->request);
    if (answer)
        send_answer(client, answer);
}

void control_serve(struct control *c, struct keeper *k, const struct pollfd *fds, unsigned count)
{
    uint64_t now = clock_boot_usec();
    for (unsigned i = 1; i < count; i++) {
        struct client *client = &c->client[i - 1];
        if (client->fd < 0 || client->waits)
            continue;
        if (fds[i].revents && fds[i].fd == client->fd)
            read_client(c, k, client);
        else if (now - client->since_usec > CLIENT_USEC)
            client_close(client);
    }
    if (fds[0].revents)
        accept_client(c);
}
