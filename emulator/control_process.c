/* SPDX-License-Identifier: Apache-2.0 */
/* carve-emulator process add|remove: who seems to run on a GPU or in an instance of it. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "abi.h"
#include "base/err.h"
#include "base/text.h"
#include "control.h"

static struct state_process *find_process(struct state_gpu *s, bool used, uint32_t pid)
{
    for (unsigned i = 0; i < STATE_PROCESSES; i++) {
        struct state_process *p = &s->processes[i];

        if (!used && !p->used)
            return p;
        if (used && p->used && p->pid == pid)
            return p;
    }
    return NULL;
}

static int add_process(struct control *c, unsigned gpu, uint32_t pid, struct err *e)
{
    struct state_gpu *s = &c->map.at->gpus[gpu];
    struct state_process *p = find_process(s, false, 0);
    uint32_t gi = control_instance(c->gi), ci = control_instance(c->ci);

    if (!p)
        return err_set(e, ENOSPC, "GPU %u has %d processes already", gpu, STATE_PROCESSES);
    if ((gi != NVML_NO_INSTANCE || ci != NVML_NO_INSTANCE) &&
        (gi >= STATE_INSTANCES || !s->gi[gi].used || ci >= STATE_COMPUTES ||
         !s->gi[gi].ci[ci].used))
        return err_set(e, EINVAL, "GPU %u has no such instance (give both --gi and --ci)", gpu);
    memset(p, 0, sizeof *p);
    p->pid = pid;
    p->gi = gi;
    p->ci = ci;
    p->mem_bytes = (uint64_t)c->mem_bytes;
    (void)TEXT_COPY(p->name, c->name ? c->name : "");
    __atomic_store_n(&p->used, 1, __ATOMIC_RELEASE);
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
        struct state_process *p = find_process(&c->map.at->gpus[gpu], true, (uint32_t)pid);

        if (p)
            __atomic_store_n(&p->used, 0, __ATOMIC_RELEASE);
        else
            rc = err_set(e, ENOENT, "no process %" PRIu64 " on GPU %u", pid, gpu);
    }
    state_unlock(&c->map);
    return rc;
}
