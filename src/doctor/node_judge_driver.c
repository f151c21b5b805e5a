/* SPDX-License-Identifier: Apache-2.0 */
/* GPUs on the bus, the kernel module, the driver's libraries, and whether they belong together. */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "doctor/node_say.h"
#include "gpu/gpu.h"
#include "node/node_state.h"

#if defined(__aarch64__)
enum { OWN_MACHINE = EM_AARCH64 };
#else
enum { OWN_MACHINE = EM_X86_64 };
#endif

static const char *machine_name(uint16_t machine)
{
    return machine == EM_X86_64    ? "x86_64"
           : machine == EM_AARCH64 ? "aarch64"
           : machine == 0          ? "no 64-bit machine, or is no library"
                                   : "another machine";
}

static void judge_bus(struct node_report *r, const struct node_facts *f)
{
    const struct node_driver_facts *d = &f->driver;

    if (!d->bus_seen) {
        node_say(r, "pci", NODE_UNSEEN, "sysfs shows no PCI bus here");
    } else if (d->n_pci == 0) {
        node_say(r, "pci", node_hardware(f) ? NODE_WARNING : NODE_FAILED,
                 "no NVIDIA GPU is on the PCI bus");
        node_cure(r, "choose a machine with NVIDIA GPUs, or pass a GPU through to this one");
    } else {
        node_say(r, "pci", NODE_FINE, "%zu NVIDIA GPU%s on the PCI bus", d->n_pci,
                 d->n_pci == 1 ? "" : "s");
    }
}

/* How many GPUs another driver of the kernel has. */
static size_t taken_by(const struct node_driver_facts *d, const char *driver)
{
    size_t n = 0;

    for (size_t i = 0; i < d->n_pci; i++)
        n += strcmp(d->pci[i].driver, driver) == 0;
    return n;
}

static void judge_module(struct node_report *r, const struct node_facts *f)
{
    const struct node_driver_facts *d = &f->driver;
    size_t passed = taken_by(d, "vfio-pci");

    if (d->module) {
        node_say(r, "kernel-module", NODE_FINE, "nvidia %s is loaded", d->module);
    } else if (d->told || node_elsewhere(f)) {
        node_say(r, "kernel-module", NODE_UNSEEN, "not to be seen here, but NVML answers");
    } else if (node_has_failed(r, "pci")) {
        node_say(r, "kernel-module", NODE_UNSEEN, "follows from pci");
    } else if (d->nouveau || taken_by(d, "nouveau") > 0) {
        node_say(r, "kernel-module", NODE_FAILED,
                 "nouveau is loaded and has the GPUs; the module nvidia is not loaded");
        node_cure(r, "forbid it ('blacklist nouveau' and 'options nouveau modeset=0' in "
                     "/etc/modprobe.d), rebuild the initramfs, reboot");
    } else if (passed > 0 && passed == d->n_pci) {
        node_say(r, "kernel-module", NODE_FAILED,
                 "all %zu GPUs are bound to vfio-pci: they are for virtual machines", passed);
        node_cure(r, "bind them to nvidia, or run carve inside the virtual machines");
    } else {
        node_say(r, "kernel-module", NODE_FAILED, "the module nvidia is not loaded");
        node_cure(r, "install the NVIDIA driver for this kernel (dkms status), then 'modprobe "
                     "nvidia'; see dmesg if that fails");
    }
    if (d->module && d->nouveau) {
        node_say(r, "nouveau", NODE_WARNING,
                 "nouveau is loaded beside nvidia: after the next "
                 "boot it may take the GPUs first");
        node_cure(r, "put 'blacklist nouveau' into /etc/modprobe.d and rebuild the initramfs");
    }
}

/* What is wrong with a library's file as such; true if something is. */
static bool judge_file(struct node_report *r, const char *check, const char *name,
                       const struct node_library *l)
{
    if (!l->path || l->machine == OWN_MACHINE)
        return false;
    node_say(r, check, NODE_FAILED, "%s is for %s, this machine is %s", l->path,
             machine_name(l->machine), machine_name(OWN_MACHINE));
    node_cure(r, "install the driver's %s for this machine, or name the right --driver-root", name);
    return true;
}

static void judge_library(struct node_report *r, const struct node_facts *f)
{
    const struct node_library *l = &f->driver.nvml;

    if (node_elsewhere(f)) {
        node_say(r, "driver-library", NODE_UNSEEN,
                 "carved has the driver, this process has not: this is another container or user");
    } else if (f->driver.told) {
        node_say(r, "driver-library", NODE_FINE, "%s%s%s%s",
                 l->path ? l->path : "libnvidia-ml.so.1", *l->version ? " (" : "", l->version,
                 *l->version ? ")" : "");
    } else if (!judge_file(r, "driver-library", "libnvidia-ml.so.1", l)) {
        if (l->path && l->machine == OWN_MACHINE)
            node_say(r, "driver-library", NODE_FINE, "%s", l->path);
        else if (!node_follows(r, "driver-library", "kernel-module") &&
                 !node_follows(r, "driver-library", "pci")) {
            node_say(r, "driver-library", NODE_FAILED, "%s",
                     l->error ? l->error : "libnvidia-ml.so.1 is not found");
            node_cure(r, "install the NVIDIA driver's libraries, or name their folder with "
                         "--driver-root");
        }
    }
}

/* Versions of module and libraries; whatever does not match comes before what NVML says of it. */
static void judge_versions(struct node_report *r, const struct node_facts *f)
{
    const struct node_driver_facts *d = &f->driver;
    const char *module = d->module, *nvml = d->nvml.version, *cuda = d->cuda.version;

    if (!module || (!*nvml && !*cuda)) {
        node_say(r, "versions", NODE_UNSEEN, "%s",
                 module ? "the libraries' files do not tell theirs" : "no module is loaded");
    } else if (*nvml && strcmp(module, nvml) != 0) {
        node_say(r, "versions", NODE_FAILED, "the kernel module is %s, libnvidia-ml.so.1 is %s",
                 module, nvml);
        node_cure(r, "reboot, or unload and load the module nvidia when nothing uses it; a driver "
                     "was upgraded under a running one");
    } else if (*cuda && strcmp(module, cuda) != 0) {
        node_say(r, "versions", strstr(d->cuda.path, "compat") ? NODE_WARNING : NODE_FAILED,
                 "the kernel module is %s, %s is %s", module, d->cuda.path, cuda);
        node_cure(r, "install one driver alone; a compatibility package (cuda-compat) must be "
                     "newer than the driver and works on data-center GPUs only");
    } else {
        node_say(r, "versions", NODE_FINE, "module and libraries are %s", module);
    }
}

/* NVML needs the nodes of the driver, not those of CUDA or of MIG. */
static bool follows_nodes(struct node_report *r, const struct node_facts *f)
{
    const struct node_driver_facts *d = &f->driver;

    for (size_t i = 0; i < d->n_devices; i++) {
        const struct node_device *n = &d->devices[i];

        if (strcmp(n->owner, "nvidia") != 0 || n->usable)
            continue;
        if (!node_follows(r, "nvml", "device-nodes"))
            node_say(r, "nvml", NODE_UNSEEN, "%s may not be opened by this user", n->path);
        return true;
    }
    return false;
}

static void judge_nvml(struct node_report *r, const struct node_facts *f)
{
    const struct node_driver_facts *d = &f->driver;

    if (node_elsewhere(f)) {
        node_say(r, "nvml", NODE_FINE, "answers carved");
    } else if (d->told) {
        node_say(r, "nvml", NODE_FINE, "answers; CUDA %u.%u",
                 d->told->inventory->cuda_version / 1000,
                 d->told->inventory->cuda_version % 1000 / 10);
    } else if (d->nvml.end == CHILD_LATE) {
        node_say(r, "nvml", NODE_FAILED, "NVML hangs: %s", d->nvml.error);
        node_cure(r, "look for Xid and 'NVRM' lines in dmesg; drain and reboot the node, replace "
                     "it if that comes again");
    } else if (!node_follows(r, "nvml", "driver-library") &&
               !node_follows(r, "nvml", "kernel-module") && !node_follows(r, "nvml", "pci") &&
               !node_follows(r, "nvml", "versions") && !follows_nodes(r, f)) {
        bool barred = d->nvml_code == -EPERM;

        node_say(r, "nvml", barred && !f->is_root ? NODE_UNSEEN : NODE_FAILED, "%s",
                 d->nvml.error ? d->nvml.error : "no answer");
        node_cure(r, "%s",
                  barred ? "run as root, or in a container that was given the GPUs"
                         : "look for 'NVRM' lines in dmesg; load the module, or reboot");
    }
}

static bool named(const struct inventory *inv, const char *bus_id)
{
    for (unsigned i = 0; i < inv->n_gpus; i++)
        if (strcmp(inv->gpus[i].bus_id, bus_id) == 0)
            return true;
    return false;
}

/* Each GPU that fails; true if one does. */
static bool judge_faults(struct node_report *r, const struct inventory *inv)
{
    bool any = false;

    for (unsigned i = 0; i < inv->n_gpus; i++) {
        const struct gpu *g = &inv->gpus[i];

        if (!g->fault[0])
            continue;
        any = true;
        node_say(r, "gpus", NODE_FAILED, "GPU %u (%s, %s): %s", i, g->name, g->bus_id, g->fault);
        node_cure(r,
                  "look for its Xid in dmesg; reset it ('nvidia-smi -r -i %u') or reboot, replace "
                  "the node if that comes again",
                  i);
    }
    return any;
}

static void judge_gpus(struct node_report *r, const struct node_facts *f)
{
    const struct node_driver_facts *d = &f->driver;
    const struct inventory *inv = node_hardware(f);
    const char *missing[NODE_PCI_MAX];
    size_t n = 0, withheld = 0;

    if (!inv)
        return;
    for (size_t i = 0; i < d->n_pci; i++) {
        if (named(inv, d->pci[i].bus_id) || strstr(d->pci[i].driver, "vfio"))
            continue;
        if (d->pci[i].withheld)
            withheld++;
        else
            missing[n++] = d->pci[i].bus_id;
    }
    if (n > 0 && inv->n_gpus < d->n_pci) {
        node_say(r, "gpus", NODE_FAILED, "NVML names %u of the %zu GPUs on the bus; not %s",
                 inv->n_gpus, d->n_pci, node_list(r, missing, n));
        node_cure(r, "look for 'NVRM' and Xid lines of these addresses in dmesg; in a container, "
                     "give it all GPUs");
    }
    if (judge_faults(r, inv) || n > 0)
        return;
    node_say(r, "gpus", inv->n_gpus ? NODE_FINE : NODE_FAILED, "%u x %s%s", inv->n_gpus,
             inv->n_gpus ? inv->gpus[0].name : "GPU",
             withheld ? "; the others on the bus are not given to this container" : "");
    if (inv->n_gpus == 0)
        node_cure(r, "look for 'NVRM' lines in dmesg; in a container, give it GPUs");
}

static void judge_cuda_library(struct node_report *r, const struct node_facts *f)
{
    const struct node_driver_facts *d = &f->driver;

    if (node_elsewhere(f) || judge_file(r, "cuda-library", "libcuda.so.1", &d->cuda))
        return;
    if (!d->cuda.error && d->cuda_version == 0) {
        node_say(r, "cuda-library", NODE_WARNING, "%s does not tell its version",
                 d->cuda.path ? d->cuda.path : "libcuda.so.1");
        node_cure(r, "install NVIDIA's driver: this is another's library");
    } else if (!d->cuda.error) {
        node_say(r, "cuda-library", NODE_FINE, "%s, CUDA %u.%u",
                 d->cuda.path ? d->cuda.path : "libcuda.so.1", d->cuda_version / 1000,
                 d->cuda_version % 1000 / 10);
    } else if (!node_follows(r, "cuda-library", "driver-library") &&
               !node_follows(r, "cuda-library", "nvml") &&
               !node_follows(r, "cuda-library", "pci") &&
               !node_follows(r, "cuda-library", "kernel-module")) {
        node_say(r, "cuda-library", NODE_FAILED, "%s", d->cuda.error);
        node_cure(r, "%s",
                  d->cuda.end == CHILD_DONE
                      ? "install the driver's compute libraries (libcuda.so.1) beside libnvidia-ml"
                      : "install the driver anew; look for Xid and 'NVRM' lines in dmesg");
    }
}

void node_judge_driver(struct node_report *r, const struct node_facts *f)
{
    judge_bus(r, f);
    judge_module(r, f);
    judge_library(r, f);
    judge_versions(r, f);
}

void node_judge_nvml(struct node_report *r, const struct node_facts *f)
{
    judge_nvml(r, f);
    judge_gpus(r, f);
    judge_cuda_library(r, f);
}
