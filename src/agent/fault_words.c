/* SPDX-License-Identifier: Apache-2.0 */
/* What the table of faults tells people: what it is, where it comes from, what to do. */
#include "agent/fault_table.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "gpu/xid.h"

/* By what ends it, as far as fault_needs() tells. */
static const char *const helps[] = {
    [NODE_FAULT_WAIT] = "nothing: slices come back when the work under way has ended",
    [NODE_FAULT_RESET] = XID_HELP_RESET,
    [NODE_FAULT_REBOOT] = XID_HELP_REBOOT,
    [NODE_FAULT_REPLACE] = XID_HELP_REPLACE,
};

static enum node_fault_cure cure_of_xid(uint64_t xid)
{
    switch (xid_find(xid)->cure) {
    case XID_CURE_RESET:
        return NODE_FAULT_RESET;
    case XID_CURE_REBOOT:
        return NODE_FAULT_REBOOT;
    case XID_CURE_REPLACE:
        return NODE_FAULT_REPLACE;
    case XID_CURE_WAIT:
        break;
    }
    return NODE_FAULT_WAIT;
}

enum node_fault_cure fault_needs(const struct fault *f, const struct inventory *inv)
{
    const struct gpu *gpu = fault_gpu(f, inv);

    switch (gpu ? gpu->recovery : GPU_RECOVERY_UNKNOWN) {
    case GPU_RECOVERY_RESET:
        return NODE_FAULT_RESET;
    case GPU_RECOVERY_REBOOT:
        return NODE_FAULT_REBOOT;
    case GPU_RECOVERY_WAIT:
    case GPU_RECOVERY_UNKNOWN:
    case GPU_RECOVERY_NONE:
        break;
    }
    switch (f->kind) {
    case FAULT_XID:
        return cure_of_xid(f->xid);
    case FAULT_SILENT:
        return NODE_FAULT_REBOOT;
    case FAULT_MANY:
        return NODE_FAULT_RESET;
    case FAULT_ASKED:
        break;
    }
    return NODE_FAULT_WAIT;
}

static void tell_kind(struct node_fault *out, const struct fault *f, const struct gpu *gpu)
{
    const struct xid *xid = xid_find(f->xid);

    switch (f->kind) {
    case FAULT_XID:
        out->what = xid->name;
        out->cause = xid->cause;
        break;
    case FAULT_SILENT:
        out->what = gpu && gpu->fault[0] ? gpu->fault : "the driver cannot read the GPU";
        out->cause = "the GPU does not answer the driver: hardware, heat, power, or firmware";
        break;
    case FAULT_ASKED:
        out->what = "the driver asks for a recovery of the GPU";
        out->cause = "something happened to the GPU before carved watched it";
        break;
    case FAULT_MANY:
        out->what = "more faults than are listed";
        out->cause = "the GPU fails in many ways at once";
        break;
    }
    out->cure = helps[out->needs];
    if (f->kind == FAULT_XID && out->needs == cure_of_xid(f->xid))
        out->cure = xid->help;
}

void fault_tell(struct node_fault *out, const struct fault *f, const struct inventory *inv)
{
    const struct gpu *gpu = fault_gpu(f, inv);

    *out = (struct node_fault){
        .gpu = gpu ? gpu->index : f->gpu,
        .uuid = f->gpu_uuid,
        .gi_id = f->gi_id,
        .ci_id = f->ci_id,
        .xid = f->xid,
        .since_s = f->since_s,
        .count = f->count,
        .needs = fault_needs(f, inv),
    };
    tell_kind(out, f, gpu);
}

void fault_log(const struct fault *f, const struct inventory *inv)
{
    struct node_fault told;
    char where[64] = "";

    fault_tell(&told, f, inv);
    if (f->gi_id >= 0)
        (void)snprintf(where, sizeof where, " gi=%d ci=%d", f->gi_id, f->ci_id);
    log_event(LOG_WARNING,
              "GPU fault gpu=%u uuid=%s%s xid=%" PRIu64 " what=\"%s\" cause=\"%s\" do=\"%s\"",
              told.gpu, told.uuid, where, told.xid, told.what, told.cause, told.cure);
}

void fault_log_end(const struct fault *f, const struct inventory *inv, enum fault_end end)
{
    static const char *const why[] = {
        [FAULT_GOES_ON] = "",
        [FAULT_WELL] = "the driver says that the GPU is well",
        [FAULT_PASSED] = "nothing came any more",
        [FAULT_REMOVED] = "the MIG device is gone",
    };
    struct node_fault told;

    fault_tell(&told, f, inv);
    log_event(LOG_INFO, "GPU fault is over gpu=%u uuid=%s xid=%" PRIu64 " times=%u why=\"%s\"",
              told.gpu, told.uuid, told.xid, told.count, why[end]);
}
