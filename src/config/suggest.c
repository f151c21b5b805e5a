/* SPDX-License-Identifier: Apache-2.0 */
/* Nearest words: see suggest.h. Words longer than 64 bytes have no neighbors. */
#include "config/suggest.h"

#include <ctype.h>
#include <string.h>

enum { WORD_MAX = 64 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static int lower(char c)
{
    return tolower((unsigned char)c);
}

/* Edit distance with swaps of neighbors (optimal string alignment), three rows at a time. */
static unsigned distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    unsigned rows[3][WORD_MAX + 1] = {0};

    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_size; i++) {
        unsigned *before = rows[(i + 1) % 3], *last = rows[(i + 2) % 3], *row = rows[i % 3];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_size; j++) {
            unsigned change = last[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));

            row[j] = least(change, least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

const char *suggest_find(const char *word, const char *const *words, size_t count)
{
    size_t size = strlen(word);
    const char *found = NULL;
    unsigned best;

    if (size == 0 || size > WORD_MAX)
        return NULL;
    best = size < 6 ? 2 : (unsigned)(size / 3 + 1);
    for (size_t i = 0; i < count; i++) {
        size_t other = strlen(words[i]);
        unsigned d = other > WORD_MAX ? best : distance(word, size, words[i], other);

        if (d < best) {
            best = d;
            found = words[i];
        }
    }
    return found;
}
