/* SPDX-License-Identifier: Apache-2.0 */
/* Events about faults: one when it comes, counted while it comes again, and one when it is over. */
#ifndef GATEWAY_FAULT_NEWS_H
#define GATEWAY_FAULT_NEWS_H

struct err;
struct events;
struct fault_news;
struct node_state;

int fault_news_open(struct fault_news **out, struct err *e);
void fault_news_close(struct fault_news *n);

/* What carved told last, which may be what it told before. */
void fault_news_look(struct fault_news *n, const struct node_state *state, struct events *events);

#endif
