/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what EC2's metadata service answers: see notice.h. */
#include "gateway/notice.h"

#include <errno.h>
#include <string.h>

#include "api/member.h"
#include "base/err.h"
#include "base/text.h"
#include "config/yaml.h"

/* Where the numbers of "2017-09-18T08:22:00" stand; the rest is as in this text. */
static const char shape[] = "dddd-dd-ddTdd:dd:dd";

enum { SHAPE_SIZE = sizeof shape - 1, OFFSET_SIZE = 6, OFFSET_MAX_H = 14 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int number(const char *digits, unsigned n)
{
    int value = 0;

    for (unsigned i = 0; i < n; i++)
        value = value * 10 + (digits[i] - '0');
    return value;
}

/* "Z", or an offset such as "+02:00", in seconds. */
static bool read_zone(int *out_s, const char *text)
{
    int hours, minutes;

    if (strcmp(text, "Z") == 0) {
        *out_s = 0;
        return true;
    }
    if (strlen(text) != OFFSET_SIZE || !strchr("+-", text[0]) || text[3] != ':' ||
        !is_digit(text[1]) || !is_digit(text[2]) || !is_digit(text[4]) || !is_digit(text[5]))
        return false;
    hours = number(text + 1, 2);
    minutes = number(text + 4, 2);
    if (hours > OFFSET_MAX_H || minutes > 59)
        return false;
    *out_s = (text[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}

/* A time of RFC 3339. */
static bool read_time(time_t *out, const char *text)
{
    struct tm tm = {0};
    const char *rest;
    int zone_s, day;
    time_t when;

    for (size_t i = 0; i < SHAPE_SIZE; i++)
        if (shape[i] == 'd' ? !is_digit(text[i]) : text[i] != shape[i])
            return false;
    rest = text + SHAPE_SIZE;
    if (*rest == '.' && is_digit(rest[1]))
        rest += 1 + strspn(rest + 1, "0123456789");
    if (!read_zone(&zone_s, rest))
        return false;
    tm.tm_year = number(text, 4) - 1900;
    tm.tm_mon = number(text + 5, 2) - 1;
    tm.tm_mday = day = number(text + 8, 2);
    tm.tm_hour = number(text + 11, 2);
    tm.tm_min = number(text + 14, 2);
    tm.tm_sec = number(text + 17, 2);
    if (tm.tm_year < 70 || tm.tm_mon < 0 || tm.tm_mon > 11 || day < 1 || tm.tm_hour > 23 ||
        tm.tm_min > 59 || tm.tm_sec > 59)
        return false;
    when = timegm(&tm);
    if (tm.tm_mday != day) /* the month has no such day */
        return false;
    *out = when - zone_s;
    return true;
}

/* The member `key` of the map in the text, as a time. */
static int member_time(time_t *out, const struct yaml_node *map, const char *key, struct err *e)
{
    const char *text = member_text(map, key);

    if (!text)
        return err_set(e, EBADMSG, "it has no '%s'", key);
    if (!read_time(out, text))
        return err_set(e, EBADMSG, "its %s '%.40s' is no time such as 2017-09-18T08:22:00Z", key,
                       text);
    return 0;
}

/* What may stand in a message: a word. */
static bool is_word(const char *text)
{
    size_t size = strlen(text);

    return size > 0 && size < NOTICE_ACTION_SIZE &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz-") == size;
}

int notice_read_interruption(struct notice *out, const char *text, size_t size, struct err *e)
{
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    struct notice n = {0};
    const char *action;
    int r = yaml_read(&doc, "instance-action", text, size, e);

    if (r == 0)
        r = member_time(&n.at, doc->root, "time", e);
    if (r < 0)
        return r;
    action = member_text(doc->root, "action");
    if (!action || !is_word(action))
        return err_set(e, EBADMSG, "it has no 'action' such as terminate");
    (void)TEXT_COPY(n.action, action);
    *out = n;
    return 0;
}

int notice_read_rebalance(struct notice *out, const char *text, size_t size, struct err *e)
{
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    struct notice n = {.action = "rebalance"};
    int r = yaml_read(&doc, "rebalance", text, size, e);

    if (r == 0)
        r = member_time(&n.at, doc->root, "noticeTime", e);
    if (r == 0)
        *out = n;
    return r;
}

bool notice_is_token(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return size > 0 && size <= NOTICE_TOKEN_MAX_BYTES;
}

bool notice_is_there(const struct notice *n)
{
    return n->action[0] != '\0';
}

bool notice_same(const struct notice *a, const struct notice *b)
{
    return strcmp(a->action, b->action) == 0 && a->at == b->at;
}

unsigned notice_left_s(const struct notice *n, time_t now)
{
    if (n->at <= now)
        return 0;
    return n->at - now > NOTICE_SPAN_S ? NOTICE_SPAN_S : (unsigned)(n->at - now);
}

const char *notice_print_time(char text[NOTICE_TIME_SIZE], time_t when)
{
    struct tm tm;

    if (!gmtime_r(&when, &tm) || strftime(text, NOTICE_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        (void)text_copy(text, NOTICE_TIME_SIZE, "1970-01-01T00:00:00Z");
    return text;
}
