/* SPDX-License-Identifier: Apache-2.0 */
/* Container runtimes and CDI: whether a container gets what carved gives it. */
#include <string.h>

#include "base/text.h"
#include "doctor/node_say.h"

#define OUR_KIND "carve.dev/"
#define OUR_FILE "carve.dev-gpu.json"

enum cdi { CDI_OFF, CDI_UNKNOWN, CDI_ON };

/* All files of the runtimes together. */
struct setup {
    const char *name, *file;
    enum cdi cdi;
    bool nvidia, is_default, denied;
    size_t n;
};

static struct setup sum_up(const struct node_facts *f)
{
    struct setup s = {.cdi = CDI_UNKNOWN};
    int said = -1;

    for (size_t i = 0; i < f->runtime.n_runtimes; i++) {
        const struct node_runtime *rt = &f->runtime.runtimes[i];

        if (rt->sight == NODE_DENIED) {
            s.denied = true;
            continue;
        }
        if (!s.n++) {
            s.name = rt->name;
            s.file = rt->file;
        }
        s.nvidia |= rt->nvidia;
        s.is_default |= rt->is_default;
        if (rt->cdi >= 0)
            said = rt->cdi;
        /* CRI-O always has it, containerd since 2.0, whose files are of version 3. */
        if (rt->version >= 3 || strcmp(rt->name, "CRI-O") == 0)
            s.cdi = CDI_ON;
    }
    if (said >= 0)
        s.cdi = said ? CDI_ON : CDI_OFF;
    return s;
}

/* There is no configuration to be read. */
static void judge_unseen(struct node_report *r, const struct node_facts *f, bool denied)
{
    if (!denied && !node_has_kubelet(f)) {
        node_say(r, "runtime", NODE_ABSENT, "no containerd and no CRI-O is configured here");
        return;
    }
    node_say(r, "runtime", NODE_UNSEEN,
             "the configuration of containerd or CRI-O cannot be %s from here",
             denied ? "read" : "seen");
    node_cure(r, "%s", denied ? "run as root" : "run on the host to have it judged");
}

/* Nothing gives a container its GPU, as far as the files tell. */
static void judge_nothing(struct node_report *r, const struct setup *s)
{
    if (s->cdi == CDI_OFF)
        node_say(r, "runtime", NODE_FAILED,
                 "%s (%s): no runtime nvidia, and CDI is off: containers get no GPU", s->name,
                 s->file);
    else
        node_say(r, "runtime", NODE_WARNING,
                 "%s (%s): no runtime nvidia, and CDI is not turned on: containers of containerd "
                 "before 2.0 get no GPU",
                 s->name, s->file);
    node_cure(r,
              "set 'enable_cdi = true' in %s and the device list strategy cdi-cri, then restart %s",
              s->file, s->name);
}

static void judge_runtime(struct node_report *r, const struct node_facts *f, const struct setup *s)
{
    static const char *const cdi[] = {
        [CDI_OFF] = "off", [CDI_UNKNOWN] = "on since containerd 2.0", [CDI_ON] = "on"};

    if (s->n == 0) {
        judge_unseen(r, f, s->denied);
    } else if (s->is_default || s->cdi == CDI_ON) {
        node_say(r, "runtime", NODE_FINE, "%s: %s, CDI is %s", s->name,
                 s->is_default ? "nvidia is the default runtime"
                 : s->nvidia   ? "there is a runtime nvidia"
                               : "no runtime nvidia",
                 cdi[s->cdi]);
    } else if (s->nvidia) {
        node_say(r, "runtime", NODE_WARNING,
                 "%s (%s): the runtime nvidia is not the default and CDI is not turned on", s->name,
                 s->file);
        node_cure(r,
                  "give pods 'runtimeClassName: nvidia', or run 'nvidia-ctk runtime configure "
                  "--set-as-default --cdi.enabled' and restart %s",
                  s->name);
    } else {
        judge_nothing(r, s);
    }
}

static void judge_toolkit(struct node_report *r, const struct node_facts *f, const struct setup *s)
{
    if (*f->runtime.tools) {
        node_say(r, "toolkit", NODE_FINE, "%s", f->runtime.tools);
    } else if (s->nvidia) {
        node_say(r, "toolkit", NODE_WARNING,
                 "the runtime nvidia is configured, but NVIDIA's container toolkit is not seen");
        node_cure(r, "install the package nvidia-container-toolkit");
    } else if (s->n > 0) {
        node_say(r, "toolkit", NODE_FINE, "NVIDIA's is not seen; CDI does not need it");
    }
}

static bool is_ours(const struct node_spec *s)
{
    return (s->kind && text_starts(s->kind, OUR_KIND)) || strcmp(s->name, OUR_FILE) == 0;
}

/* What carve's containers depend on: carve's devices or, where it has none in CDI, NVIDIA's. */
static bool is_needed(const struct node_facts *f, const struct node_spec *s)
{
    if (is_ours(s))
        return true;
    for (size_t i = 0; i < f->runtime.n_specs; i++)
        if (is_ours(&f->runtime.specs[i]))
            return false;
    return (s->kind && strstr(s->kind, "nvidia.com/")) || strstr(s->name, "nvidia");
}

static bool judge_broken(struct node_report *r, const struct node_facts *f)
{
    bool any = false;

    for (size_t i = 0; i < f->runtime.n_specs; i++) {
        const struct node_spec *s = &f->runtime.specs[i];

        if (!s->error)
            continue;
        any = true;
        node_say(r, "cdi",
                 s->denied         ? NODE_UNSEEN
                 : is_needed(f, s) ? NODE_FAILED
                                   : NODE_WARNING,
                 "%s/%s: %s", s->folder, s->name, s->error);
        if (s->denied)
            node_cure(r, "run as root");
        else if (strcmp(s->name, OUR_FILE) == 0)
            node_cure(r, "remove it and restart carved, which writes it anew");
        else
            node_cure(r, "repair or remove it: its devices cannot be given to containers");
    }
    return any;
}

/* The first device that both define, or NULL. */
static const char *common_device(const struct node_spec *a, const struct node_spec *b)
{
    if (a->error || b->error || strcmp(a->kind, b->kind) != 0)
        return NULL;
    for (size_t i = 0; i < a->n_devices; i++)
        for (size_t n = 0; n < b->n_devices; n++)
            if (strcmp(a->devices[i], b->devices[n]) == 0)
                return a->devices[i];
    return NULL;
}

static bool judge_pair(struct node_report *r, const struct node_facts *f, const struct node_spec *a,
                       const struct node_spec *b)
{
    const char *device = common_device(a, b);
    bool same = strcmp(a->folder, b->folder) == 0;

    if (!device)
        return false;
    node_say(r, "cdi", same && is_needed(f, a) ? NODE_FAILED : NODE_WARNING,
             "%s/%s and %s/%s both define %s=%s: %s", a->folder, a->name, b->folder, b->name,
             a->kind, device, same ? "no container can get it" : "the second wins");
    if (strcmp(a->name, OUR_FILE) == 0 || strcmp(b->name, OUR_FILE) == 0)
        node_cure(r, "remove %s", strcmp(a->name, OUR_FILE) == 0 ? b->name : a->name);
    else
        node_cure(r, "remove one of the two files");
    return true;
}

static void judge_cdi(struct node_report *r, const struct node_facts *f)
{
    const struct node_runtime_facts *rt = &f->runtime;
    bool any = judge_broken(r, f);

    for (size_t i = 0; i < rt->n_specs; i++)
        for (size_t n = i + 1; n < rt->n_specs; n++)
            any |= judge_pair(r, f, &rt->specs[i], &rt->specs[n]);
    for (size_t i = 0; i < rt->n_specs && !f->is_contained; i++) {
        if (rt->specs[i].error || !rt->specs[i].missing)
            continue;
        any = true;
        node_say(r, "cdi", NODE_WARNING, "%s/%s names %s, which is not there", rt->specs[i].folder,
                 rt->specs[i].name, rt->specs[i].missing);
        node_cure(r, "%s",
                  strcmp(rt->specs[i].name, OUR_FILE) == 0
                      ? "restart carved, which writes it anew"
                      : "make the file anew, as 'nvidia-ctk cdi generate' does");
    }
    if (any)
        return;
    if (rt->n_specs > 0)
        node_say(r, "cdi", NODE_FINE, "%zu file%s, no device twice", rt->n_specs,
                 rt->n_specs == 1 ? "" : "s");
    else if (rt->cdi_sight == NODE_DENIED || node_elsewhere(f))
        node_say(r, "cdi", NODE_UNSEEN, "%s cannot be seen from here", rt->cdi_folder);
    else
        node_say(r, "cdi", NODE_ABSENT,
                 "no CDI file in %s: only the strategies cdi-cri and "
                 "cdi-annotations need one",
                 rt->cdi_folder);
}

void node_judge_runtime(struct node_report *r, const struct node_facts *f)
{
    const struct setup s = sum_up(f);

    judge_runtime(r, f, &s);
    judge_toolkit(r, f, &s);
    judge_cdi(r, f);
}
