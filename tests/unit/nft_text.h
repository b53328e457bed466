/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests: rules as nft(8) reads them, into the network namespace that we are in. */
#ifndef SLUICE_TESTS_UNIT_NFT_TEXT_H
#define SLUICE_TESTS_UNIT_NFT_TEXT_H

#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static inline bool nft_text(const char *rules)
{
    int ends[2], status;
    if (pipe(ends) < 0)
        return false;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[0], 0);
        close(ends[0]);
        close(ends[1]);
        execl("/usr/sbin/nft", "nft", "-f", "-", (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
    bool written = write(ends[1], rules, strlen(rules)) == (ssize_t)strlen(rules);
    close(ends[1]);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 && written;
}

#endif
