/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's configuration: the content of a watched file or, from Configure until it is cleared,
 * the one that was given there. It is put in force when it is good; the last good content is kept,
 * in memory and in the state folder, and stays in force while the newest is bad, over restarts too.
 */
#ifndef AGENT_RELOAD_H
#define AGENT_RELOAD_H

#include <stdbool.h>

struct agent;
struct err;
struct findings;
struct reload;

/* Reads the first content and fills the agent's config; a bad one is no error here. */
int reload_open(struct reload **out, struct agent *a, struct err *e);
void reload_close(struct reload *r);

/* Looks at the file now. */
void reload_check(struct reload *r);

/*
 * The node's configuration shall be `text`, which `name` stands for in messages, until
 * reload_clear(). It is on disk before it is in force. A negative result is a refusal, which has
 * changed nothing; f, which the caller has initialized with the name, then has the findings, else
 * the agent has. While the hardware is not known, what it says comes later: to reload_refused().
 */
int reload_configure(struct reload *r, const char *name, const char *text, struct findings *f,
                     struct err *e);

/*
 * Back to the file, whose content may be bad: then what is in force stays so as the last good one,
 * until the file is mended. Fails only if the configured content cannot be removed from disk.
 */
int reload_clear(struct reload *r, struct err *e);

/*
 * Whether nothing was configured yet and the time for it is not over: then no slices are offered,
 * so that a new node never shows others than it was meant to. agent_resolve() is called at the end.
 */
bool reload_awaits(const struct reload *r);

/* The name of what Configure gave, or NULL: it is the file's. */
const char *reload_name(const struct reload *r);

/* The hardware has changed: a content that asked too much of it may be good now. */
void reload_judge_again(struct reload *r);

/*
 * What resource_list_make() says of the configuration in force: it goes on, and is kept as the last
 * good one; or it asks too much of this node, and another may be in force when this returns.
 */
void reload_accepted(struct reload *r);
void reload_refused(struct reload *r, const struct err *e);

#endif
