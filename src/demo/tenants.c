/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `carve run` in the demo: two programs, a slice each, on one GPU. One asks for more than its limit
 * and is refused by CUDA's own error, though the GPU has room. See tenants.h.
 */
#include "demo/tenants.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/own.h"
#include "demo/node.h"
#include "demo/story.h"

/* A program in a slice, what it asks for in GiB, and what it has to be answered. */
struct tenant {
    const char *name, *memory;
    const char *asks[2];
    const char *answers;
};

static const struct tenant tenants[] = {
    {"train",
     "20Gi",
     {"16", NULL},
     "the GPU has 20480 MiB\n"
     "cuMemAlloc of 16 GiB: CUDA_SUCCESS\n"
     "holding\n"},
    {"notebook",
     "4Gi",
     {"3", "2"},
     "the GPU has 4096 MiB\n"
     "cuMemAlloc of 3 GiB: CUDA_SUCCESS\n"
     "cuMemAlloc of 2 GiB: CUDA_ERROR_OUT_OF_MEMORY\n"
     "holding\n"},
};

static int start(struct node *n, const struct tenant *t, struct err *e)
{
    const char *words[] = {"run",      "--gpu", "0",  "--memory",       t->memory,
                           "--name",   t->name, "--", n->places.tenant, t->asks[0],
                           t->asks[1], NULL};
    OWN_MEM char *output = NULL;
    int r;

    (void)printf("   $ carve run --gpu 0 --memory %s --name %s -- demo-tenant %s%s%s &\n",
                 t->memory, t->name, t->asks[0], t->asks[1] ? " " : "",
                 t->asks[1] ? t->asks[1] : "");
    r = node_carve_stays(n, words, "holding\n", &output, e);
    story_text(output);
    if (r == 0 && strcmp(output, t->answers) != 0)
        r = err_set(e, EPROTO, "'%s' was not answered as it should be:\n%s", t->name, t->answers);
    return r;
}

int tenants_show(struct node *n, struct err *e)
{
    OWN_MEM char *output = NULL;
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof tenants / sizeof *tenants; i++)
        r = start(n, &tenants[i], e);
    if (r == 0)
        r = story_carve(n, (const char *[]){"ps", NULL}, &output, e);
    for (size_t i = 0; r == 0 && i < sizeof tenants / sizeof *tenants; i++)
        if (!strstr(output, tenants[i].name))
            r = err_set(e, EPROTO, "'carve ps' does not show '%s'", tenants[i].name);
    node_end_tenants(n);
    return r;
}
