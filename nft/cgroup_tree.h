/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What nft/cgroup.c (paths) and nft/cgroup_tree.c (a cgroup with all below it) share.  Internal to nft/. */
#ifndef SLUICE_NFT_CGROUP_TREE_H
#define SLUICE_NFT_CGROUP_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

/* Mount point plus `path`, without doubled or trailing slashes; *level is the number of parts.  Refuses "." and "..".
 */
bool cgroup_path_make(const char *path, char out[PATH_MAX], uint32_t *level, struct error *e);
/* Writes `text` to the file `name` of the cgroup directory `dir`.  errno tells why not. */
bool cgroup_write(int dir, const char *name, const char *text);

#endif
