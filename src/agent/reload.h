/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file: watched, read again when its content changes, put in force when it is
 * good. The last good content is kept, in memory and as "last-good.yaml" in the state folder, and
 * stays in force while the newest is bad, over restarts too.
 */
#ifndef AGENT_RELOAD_H
#define AGENT_RELOAD_H

struct agent;
struct err;
struct reload;

/* Reads the file and fills the agent's config; a bad file is no error here. */
int reload_open(struct reload **out, struct agent *a, struct err *e);
void reload_close(struct reload *r);

/* Looks at the file now. */
void reload_check(struct reload *r);

/* The hardware has changed: a content that asked too much of it may be good now. */
void reload_judge_again(struct reload *r);

/*
 * What resource_list_make() says of the configuration in force: it goes on, and is kept as the last
 * good one; or it asks too much of this node, and another may be in force when this returns.
 */
void reload_accepted(struct reload *r);
void reload_refused(struct reload *r, const struct err *e);

#endif
