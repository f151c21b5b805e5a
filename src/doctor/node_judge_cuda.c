/* SPDX-License-Identifier: Apache-2.0 */
/* What came of running a kernel in a slice. */
#include <string.h>

#include "base/text.h"
#include "doctor/cuda_api.h"
#include "doctor/cuda_run.h"
#include "doctor/node_say.h"

#define CHECK "cuda"

enum { MIB = 1 << 20 };

/* The child did not come to its end. */
static void judge_broken(struct node_report *r, const struct node_cuda_facts *c)
{
    const char *step = c->step == CUDA_STEP_DONE ? "let go of the device" : cuda_step_name(c->step);

    if (c->end == CHILD_LATE)
        node_say(r, CHECK, NODE_FAILED, "%s: CUDA hangs: could not %s in time", c->slice, step);
    else if (c->signal)
        node_say(r, CHECK, NODE_FAILED, "%s: CUDA crashed (signal %d, %s) when it was to %s",
                 c->slice, c->signal, strsignal(c->signal), step);
    else
        node_say(r, CHECK, NODE_FAILED, "%s: CUDA ended its process when it was to %s", c->slice,
                 step);
    node_cure(r, "look for Xid and 'NVRM' lines in dmesg; reset the GPU, or reboot the node");
}

/* What others have taken is not there for a trial, which says nothing bad of the slice. */
static bool is_busy(const struct node_cuda_facts *c)
{
    return c->n_processes > 0 &&
           (c->code == CUDA_OUT_OF_MEMORY || c->code == CUDA_DEVICE_UNAVAILABLE);
}

static void judge_failure(struct node_report *r, const struct node_cuda_facts *c)
{
    const struct cuda_help *help = cuda_help(c->code);

    if (is_busy(c)) {
        node_say(r, CHECK, NODE_UNSEEN,
                 "%s is busy: %u process%s it, and %s answers %s to a trial beside", c->slice,
                 c->n_processes, c->n_processes == 1 ? " uses" : "es use", c->call, c->words);
        node_cure(r, "see with 'carve ps' who has which slice and name an idle one with --slice or "
                     "--resource, or ask again when this one is free");
    } else if (c->code == CUDA_NO_FUNCTION && *c->call) {
        node_say(r, CHECK, NODE_FAILED,
                 "%s: this driver cannot run kernels: its libcuda.so.1 has no function %s, so it "
                 "is not NVIDIA's%s%s",
                 c->slice, c->call, *c->name ? "; it names " : "", c->name);
        node_cure(r, "on an emulated node there is nothing to cure: it has no GPU; else install "
                     "NVIDIA's driver");
    } else if (c->code == CUDA_NO_FUNCTION) {
        node_say(r, CHECK, NODE_FAILED, "%s: %s", c->slice, c->words);
        node_cure(r, "install the driver's compute libraries, or name their folder with "
                     "--driver-root");
    } else {
        node_say(r, CHECK, NODE_FAILED, "%s: could not %s: %s%s%s answers %s", c->slice,
                 cuda_step_name(c->step), help ? help->words : "", help ? "; " : "", c->call,
                 c->words);
        node_cure(r, "%s", help ? help->cure : "look for Xid and 'NVRM' lines in dmesg");
    }
}

/* The UUID without "GPU-" or "MIG-". */
static bool is_other_device(const struct node_cuda_facts *c)
{
    return *c->found_uuid && strlen(c->uuid) == strlen(c->found_uuid) + 4 &&
           strcmp(c->uuid + 4, c->found_uuid) != 0;
}

static void judge_result(struct node_report *r, const struct node_cuda_facts *c)
{
    unsigned long long seen = c->memory_bytes / MIB, size = c->slice_bytes / MIB;

    if (c->n_wrong > 0) {
        node_say(r, CHECK, NODE_FAILED, "%s: %u of %u sums are wrong on %s", c->slice, c->n_wrong,
                 c->n_sums, c->name);
        node_cure(r, "the GPU computes wrongly: drain the node and replace it");
        return;
    }
    node_say(r, CHECK, NODE_FINE,
             "%s: %u sums right on %s; start %llu ms, context %llu ms, compiling %llu ms, kernel "
             "%llu us",
             c->slice, c->n_sums, c->name, (unsigned long long)c->init_us / 1000,
             (unsigned long long)c->context_us / 1000, (unsigned long long)c->module_us / 1000,
             (unsigned long long)c->kernel_us);
    if (*c->uuid && (c->n_devices > 1 || is_other_device(c))) {
        node_say(r, "cuda-device", NODE_FAILED,
                 "CUDA shows %d devices, the first is %s, not %s "
                 "alone",
                 c->n_devices, c->found_uuid, c->uuid);
        node_cure(r, "see whether something overrides CUDA_VISIBLE_DEVICES");
    }
    /* The driver keeps some for itself, and CUDA some more. */
    if (size == 0)
        node_say(r, "cuda-memory", NODE_FINE, "%llu MiB seen", seen);
    else if (seen > size + size / 20 || seen < size - size / 5) {
        node_say(r, "cuda-memory", NODE_WARNING, "%llu MiB seen, the slice has %llu MiB", seen,
                 size);
        node_cure(r, "see whether it is the slice that was meant: 'carve gpus'");
    } else {
        node_say(r, "cuda-memory", NODE_FINE, "%llu MiB seen of the slice's %llu MiB", seen, size);
    }
}

void node_judge_cuda(struct node_report *r, const struct node_facts *f)
{
    const struct node_cuda_facts *c = f->cuda;

    if (!c)
        return;
    if (*c->refused) {
        node_say(r, CHECK, NODE_FAILED, "no kernel was run: %s", c->refused);
        node_cure(r, "choose a slice that 'carve gpus' shows, with --slice or --resource");
    } else if (c->end != CHILD_DONE) {
        judge_broken(r, c);
    } else if (c->step != CUDA_STEP_DONE) {
        judge_failure(r, c);
    } else {
        judge_result(r, c);
    }
}
