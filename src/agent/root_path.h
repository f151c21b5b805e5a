/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths below another root, such as that of a driver that was installed in a folder of its own:
 * links in it are followed as by a process whose root that is, so they lead to the right file from
 * wherever the folder is seen.
 */
#ifndef AGENT_ROOT_PATH_H
#define AGENT_ROOT_PATH_H

/*
 * The path below `root` ("" is "/") that `path` leads to: without links, ".." and doubled slashes,
 * "" for the root itself. As a new string (free() it); NULL: there is no such file, or no memory.
 */
char *root_path_follow(const char *root, const char *path);

#endif
