/* SPDX-License-Identifier: Apache-2.0 */
/* The two lists of XIDs: see health_checks.h. */
#include "agent/health_checks.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "gpu/xid.h"

enum { WORD_SIZE = 64 };

static bool is_all(const char *word)
{
    return strcasecmp(word, "all") == 0 || strcasecmp(word, "xids") == 0;
}

/* False: the word means nothing. */
static bool add_word(struct health_list *list, const char *word)
{
    uint64_t xid;

    if (is_all(word)) {
        list->all = true;
        return true;
    }
    if (!text_uint(&xid, word, UINT64_MAX) || xid == 0)
        return false;
    if (list->count < HEALTH_CHECKS_MAX)
        list->xids[list->count++] = xid;
    return true;
}

static void read_list(struct health_list *out, const char *text, char junk[WORD_SIZE])
{
    static const char blanks[] = " \t\r\n";

    while (text && *text) {
        size_t size = strcspn(text, ",");
        const char *from = text + strspn(text, blanks), *end = text + size;
        char word[WORD_SIZE];

        while (end > from && strchr(blanks, end[-1]))
            end--;
        if (end > from) {
            (void)snprintf(word, sizeof word, "%.*s",
                           (int)(end - from < WORD_SIZE ? end - from : WORD_SIZE), from);
            if ((end - from >= WORD_SIZE || !add_word(out, word)) && !*junk)
                (void)text_copy(junk, WORD_SIZE, word);
        }
        text += size + (text[size] == ',');
    }
}

void health_checks_read(struct health_checks *out, const char *disabled, const char *enabled)
{
    *out = (struct health_checks){0};
    read_list(&out->off, disabled, out->junk);
    read_list(&out->on, enabled, out->junk);
}

static bool has(const struct health_list *list, uint64_t xid)
{
    bool found = list->all;

    for (size_t i = 0; !found && i < list->count; i++)
        found = list->xids[i] == xid;
    return found;
}

bool health_checks_counts(const struct health_checks *c, uint64_t xid)
{
    return has(&c->on, xid) || (!has(&c->off, xid) && !xid_ignored_by_default(xid));
}

bool health_checks_off(const struct health_checks *c)
{
    return c->off.all && !c->on.all && c->on.count == 0;
}
