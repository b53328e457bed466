/* SPDX-License-Identifier: GPL-3.0-or-later */
/* engine_driver container NAME, engine_driver below CGROUP: the match lines that ctl/engine.c finds, one a line; or "error: " and why, status 1. */
#include <stdio.h>
#include <string.h>

#include "ctl/engine.h"

int main(int argc, char **argv)
{
    static const char *const kind[] = {"cgroup", "interface", "source"};
    static struct engine_matches found;
    struct engine_container container;
    struct error e = {0};
    if (argc != 3)
        return 2;
    if (!(strcmp(argv[1], "below") == 0 ? engine_below(argv[2], &found, &e) : engine_matches(argv[2], NULL, &container, &found, &e))) {
        printf("error: %s\n", e.text);
        return 1;
    }
    for (unsigned i = 0; i < found.lines; i++)
        printf("%s %s\n", kind[found.line[i].kind], found.line[i].text);
    return 0;
}
