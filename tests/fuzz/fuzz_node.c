/* SPDX-License-Identifier: Apache-2.0 */
/* Node files of the emulator: any text is read whole or refused, and what is read can be used. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWN_MEM char *text = malloc(size + 1);
    OWN(node_freep) struct node *n = NULL;
    struct err e = {0};

    if (!text || size > NODE_MAX_FILE)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (node_parse(&n, text, "fuzz", &e) < 0) {
        if (e.code == 0 || e.msg[0] == '\0')
            abort();
        return 0;
    }
    for (unsigned i = 0; i < n->n_gpus; i++) {
        const struct profile *p;

        if (node_memory_bytes(&n->gpus[i]) < 0 || strlen(n->gpus[i].uuid) != 40)
            abort();
        for (unsigned k = 0; (p = node_profile(&n->gpus[i], k)); k++) {
            if (node_profile_mib(&n->gpus[i], p) == 0 ||
                node_profile_by_id(&n->gpus[i], p->id) != p)
                abort();
        }
    }
    return 0;
}
