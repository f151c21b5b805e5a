/* SPDX-License-Identifier: Apache-2.0 */
/* carve-emulator process add|remove: who seems to run on a GPU or in an instance of it. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "abi.h"
#include "base/err.h"
#include "base/text.h"
#include "control.h"
#include "process.h"

static struct state_process *find_process(struct state_gpu *s, uint32_t pid)
{
    for (unsigned i = 0; i < process_rows(s); i++) {
        if (s->processes[i].used && s->processes[i].pid == pid)
            return &s->processes[i];
    }
    return NULL;
}

static int add_process(struct control *c, unsigned gpu, uint32_t pid, struct err *e)
{
    struct state_gpu *s = &c->map.at->gpus[gpu];
    uint32_t gi = control_instance(c->gi), ci = control_instance(c->ci);
    struct state_process row = {
        .pid = pid, .gi = gi, .ci = ci, .mem_bytes = (uint64_t)c->mem_bytes};

    if ((gi != NVML_NO_INSTANCE || ci != NVML_NO_INSTANCE) &&
        (gi >= STATE_INSTANCES || !s->gi[gi].used || ci >= STATE_COMPUTES ||
         !s->gi[gi].ci[ci].used))
        return err_set(e, EINVAL, "GPU %u has no such instance (give both --gi and --ci)", gpu);
    (void)TEXT_COPY(row.name, c->name ? c->name : "");
    if (!process_add(s, &row))
        return err_set(e, ENOSPC, "GPU %u has %d processes already", gpu, STATE_PROCESSES);
    return 0;
}

int control_process(struct control *c, struct err *e)
{
    unsigned gpu = 0;
    uint64_t pid;
    int rc = 0;
    bool add = strcmp(c->args[0], "add") == 0;

    if (!add && strcmp(c->args[0], "remove") != 0)
        return err_set(e, EINVAL, "'process add' or 'process remove', not '%s'", c->args[0]);
    if (control_gpu(c, c->args[1], &gpu, e) < 0 ||
        control_number(c->args[2], INT32_MAX, &pid, e) < 0)
        return -EINVAL;
    state_lock(&c->map);
    if (add) {
        rc = add_process(c, gpu, (uint32_t)pid, e);
    } else {
        struct state_process *p = find_process(&c->map.at->gpus[gpu], (uint32_t)pid);

        if (p)
            process_drop(p);
        else
            rc = err_set(e, ENOENT, "no process %" PRIu64 " on GPU %u", pid, gpu);
    }
    state_unlock(&c->map);
    return rc;
}
