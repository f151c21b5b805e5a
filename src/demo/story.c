/* SPDX-License-Identifier: Apache-2.0 */
/* How the demo shows commands: see story.h. */
#include "demo/story.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "demo/node.h"

void story_text(const char *text)
{
    for (const char *line = text; line && *line;) {
        size_t size = strcspn(line, "\n");

        if (size > 0)
            (void)printf("     | %.*s\n", (int)size, line);
        line += size + (line[size] == '\n');
    }
}

int story_carve(struct node *n, const char *const *words, char **output, struct err *e)
{
    OWN_MEM char *said = NULL;
    int r;

    (void)printf("   $ carve");
    for (size_t i = 0; words[i]; i++)
        (void)printf(" %s", words[i]);
    (void)printf("\n");
    r = node_carve(n, words, &said, e);
    story_text(said);
    if (r == 0 && output)
        *output = TAKE(said);
    return r;
}
