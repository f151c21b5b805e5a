/* SPDX-License-Identifier: Apache-2.0 */
/* `carve gpus --topology`: how the GPUs reach each other, in the words of `nvidia-smi topo -m`. */
#include <stdio.h>

#include "base/json.h"
#include "cli/gpus.h"
#include "cli/group.h"
#include "cli/report.h"
#include "gpu/gpu.h"

enum { LINK_SIZE = 8, CELL = 7 };

static const char *link_text(char buffer[LINK_SIZE], const struct inventory *inv, unsigned a,
                             unsigned b)
{
    static const struct {
        unsigned level;
        const char *name;
    } levels[] = {{0, "PIX"}, {10, "PIX"}, {20, "PXB"}, {30, "PHB"}, {40, "NODE"}, {50, "SYS"}};
    const char *name = "?";

    if (a == b)
        name = "X";
    else if (inv->links && inv->links[a * inv->n_gpus + b].nvlinks > 0)
        name = NULL;
    for (size_t i = 0; name && a != b && inv->links && i < sizeof levels / sizeof levels[0]; i++)
        if (levels[i].level == inv->links[a * inv->n_gpus + b].level)
            name = levels[i].name;
    if (name)
        (void)snprintf(buffer, LINK_SIZE, "%s", name);
    else
        (void)snprintf(buffer, LINK_SIZE, "NV%u", inv->links[a * inv->n_gpus + b].nvlinks);
    return buffer;
}

static int print_json(const struct inventory *inv, const struct group *chosen)
{
    struct report_document d;
    char link[LINK_SIZE];

    report_begin(&d);
    group_json(&d.json, "gpus", chosen, inv);
    json_array(&d.json, "links");
    for (unsigned a = 0; a < chosen->count; a++) {
        json_array(&d.json, NULL);
        for (unsigned m = 0; m < chosen->count; m++)
            json_string(&d.json, NULL,
                        link_text(link, inv, chosen->members[a], chosen->members[m]));
        json_array_end(&d.json);
    }
    json_array_end(&d.json);
    return report_end(&d);
}

static void print_numa(const struct gpu *gpu)
{
    if (gpu->numa_node < 0)
        (void)printf("-\n");
    else
        (void)printf("%d\n", gpu->numa_node);
}

int gpus_topology(const struct inventory *inv, const struct group *chosen, bool json)
{
    char text[LINK_SIZE + 8];

    if (json)
        return print_json(inv, chosen);
    (void)printf("%-*s", CELL, "");
    for (unsigned m = 0; m < chosen->count; m++) {
        (void)snprintf(text, sizeof text, "GPU%u", inv->gpus[chosen->members[m]].index);
        (void)printf("%-*s", CELL, text);
    }
    (void)printf("NUMA\n");
    for (unsigned a = 0; a < chosen->count; a++) {
        (void)snprintf(text, sizeof text, "GPU%u", inv->gpus[chosen->members[a]].index);
        (void)printf("%-*s", CELL, text);
        for (unsigned m = 0; m < chosen->count; m++)
            (void)printf("%-*s", CELL,
                         link_text(text, inv, chosen->members[a], chosen->members[m]));
        print_numa(&inv->gpus[chosen->members[a]]);
    }
    (void)printf("\nNV#: that many NVLinks; PIX: one PCIe switch; PXB: several; PHB: the host "
                 "bridge; NODE: the CPU;\nSYS: between CPUs; ?: not known\n");
    return report_finish();
}
