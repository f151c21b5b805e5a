/* SPDX-License-Identifier: Apache-2.0 */
/* Event lines on stderr: see log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum log_level threshold = LOG_INFO;
static const char *const names[] = {"error", "warning", "info", "debug"};

bool log_level_read(enum log_level *out, const char *text)
{
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) != 0)
            continue;
        *out = (enum log_level)i;
        return true;
    }
    return false;
}

void log_set_level(enum log_level level)
{
    threshold = level;
}

void log_event(enum log_level level, const char *fmt, ...)
{
    char line[1024];
    struct timespec now;
    struct tm parts;
    size_t used;
    va_list args;
    int size;

    if (level > threshold)
        return;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &parts);
    used = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &parts);
    used += (size_t)snprintf(line + used, sizeof line - used, ".%03ldZ %s ", now.tv_nsec / 1000000,
                             names[level]);
    va_start(args, fmt);
    size = vsnprintf(line + used, sizeof line - used - 1, fmt, args);
    va_end(args);
    used += size < 0 ? 0 : (size_t)size;
    if (used > sizeof line - 2)
        used = sizeof line - 2;
    for (char *p = line; p < line + used; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f) /* a line stays one, and a terminal itself */
            *p = ' ';
    line[used] = '\n';
    /* One write a line, so that lines of several threads never mix. */
    (void)!write(STDERR_FILENO, line, used + 1);
}
