/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the node's configuration: refused with findings, or one that keeps its promises. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "config/config.h"
#include "config/findings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition)
{
    if (!condition)
        abort();
}

static void check(const struct config *c)
{
    demand(c->driver_root[0] == '/' && c->container_driver_root[0]);
    demand(c->injection != 0);
    for (size_t i = 0; i < c->n_shares; i++) {
        const struct config_share *share = &c->shares[i];

        demand(strncmp(share->name, "nvidia.com/", 11) == 0 && strlen(share->name) <= 63);
        demand(share->replicas >= 2 && share->replicas <= CONFIG_MAX_REPLICAS);
        demand(!share->rename || c->honor_rename);
        demand(share->devices_kind == CONFIG_DEVICES_ALL || c->honor_devices);
        demand((share->devices_kind == CONFIG_DEVICES_LIST) == (share->n_devices > 0));
    }
    demand(c->honor_resources || c->n_gpu_patterns + c->n_mig_patterns == 0);
}

static void read_once(const uint8_t *data, size_t size, bool strict)
{
    OWN(config_freep) struct config *c = NULL;
    struct findings f;
    struct err e = {0};
    int r;

    findings_init(&f, "f");
    r = config_parse(&c, "f", (const char *)data, size, NULL, 0, strict, &f, &e);
    demand((r == 0) == (c != NULL) && (r < 0) == (f.n_errors > 0));
    demand(!strict || f.n_warnings == 0);
    for (size_t i = 0; i < f.count; i++) {
        OWN_MEM char *line = findings_line(&f, i);

        demand(line && !strchr(line, '\n'));
    }
    if (c)
        check(c);
    findings_done(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_once(data, size, false);
    read_once(data, size, true);
    return 0;
}
