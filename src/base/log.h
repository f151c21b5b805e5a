/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event is one line of key=value on stderr. Only agent/ and cli/ log. A survived failure says
 * what happens next.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level {
    LOG_ERROR,   /* someone must act */
    LOG_WARNING, /* survived; says how */
    LOG_INFO,    /* state changed */
    LOG_DEBUG,
};

/* "error", "warning", "info" or "debug"; false for anything else. */
bool log_level_read(enum log_level *out, const char *text);

/* Events above this level are dropped. LOG_INFO at start. */
void log_set_level(enum log_level level);

/* `fmt` is the event in words; keys and values may follow in it as " key=value". */
void log_event(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
