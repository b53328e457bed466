/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the gate says to the service manager that started it, and what it gets back from it (sd_notify(3),
 * sd_listen_fds(3)); nothing where none did.
 *
 * The manager's descriptor store keeps what must outlive every process of the gate: the socket that owns the rules,
 * the bindings, the policy in force.  So a gate that is killed as a whole, restarted or replaced by a newer release
 * goes on where it was.  Environment is read once, by systemd_take, before the first fork. */
#ifndef SLUICE_CTL_SYSTEMD_H
#define SLUICE_CTL_SYSTEMD_H

#include <stdbool.h>
#include <stdint.h>

/* What is kept in the store, and under which name. */
enum systemd_fd { SYSTEMD_CONTROL, SYSTEMD_RULES, SYSTEMD_BINDINGS, SYSTEMD_POLICY, SYSTEMD_KEPT, SYSTEMD_FDS };

/* The descriptors that the manager handed over, by enum systemd_fd, -1 where there is none; all others are closed.
 * SYSTEMD_CONTROL is the socket of a .socket unit. */
void systemd_take(int out[SYSTEMD_FDS]);

/* One or more lines "KEY=value"; false: no manager, or it does not listen. */
bool systemd_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Puts a descriptor into the store under its name, in place of what is there.  False: as above. */
bool systemd_store(enum systemd_fd what, int fd);
void systemd_forget(enum systemd_fd what);

/* How long the manager waits for a sign of life; 0: it does not. */
uint64_t systemd_watchdog_usec(void);

#endif
