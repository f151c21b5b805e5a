/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver as the kernel and the file system show it: GPUs on the bus, modules, major numbers,
 * device nodes. Calls no driver.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "doctor/node_look.h"

enum { LINE_SIZE = 256, FOLDER_MAX = 8192, FILE_MAX_BYTES = 1 << 16, MINOR_MAX = 255 };

static void look_pci_driver(struct node_pci *out, const char *device)
{
    OWN_MEM char *link = file_join(device, "driver");
    char target[LINE_SIZE];
    ssize_t n = link ? readlink(link, target, sizeof target - 1) : -1;
    const char *slash;

    if (n <= 0)
        return;
    target[n] = '\0';
    slash = strrchr(target, '/');
    (void)TEXT_COPY(out->driver, slash ? slash + 1 : target);
}

/* The number in a file of a PCI device, written 0x…; 0 without one. */
static unsigned long pci_number(struct node_facts *f, const char *device, const char *name)
{
    char line[LINE_SIZE];
    unsigned long value = 0;

    if (!look_line(line, sizeof line, look_text(f, "%s/%s", device, name)))
        return 0;
    for (const char *at = text_starts(line, "0x") ? line + 2 : line; *at; at++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, *at);

        if (!digit || value >> 28)
            return 0;
        value = value << 4 | (unsigned long)(digit - digits);
    }
    return value;
}

static void look_bus(struct node_facts *f, const struct node_places *p)
{
    enum { VENDOR_NVIDIA = 0x10de, CLASS_DISPLAY = 3 };
    const char *folder = look_text(f, "%s/bus/pci/devices", p->sysfs_root);
    enum node_sight sight;
    size_t n;
    const char **names = look_folder(f, &n, &sight, folder, FOLDER_MAX);

    f->driver.bus_seen = sight == NODE_THERE;
    for (size_t i = 0; i < n && f->driver.n_pci < NODE_PCI_MAX; i++) {
        const char *device = look_text(f, "%s/%s", folder, names[i]);
        struct node_pci gpu = {.withheld = false};

        if (pci_number(f, device, "vendor") != VENDOR_NVIDIA ||
            pci_number(f, device, "class") >> 16 != CLASS_DISPLAY ||
            look_at(look_text(f, "%s/physfn", device)) == NODE_THERE) /* for virtual machines */
            continue;
        (void)TEXT_COPY(gpu.bus_id, names[i]);
        look_pci_driver(&gpu, device);
        f->driver.pci[f->driver.n_pci++] = gpu;
    }
}

/* "Device Minor: \t 3" of a GPU that the driver has; false: it does not tell. */
static bool read_minor(struct node_facts *f, unsigned *out, const char *proc_root, const char *bus)
{
    OWN_MEM char *text = NULL;
    const char *at;
    uint64_t minor;
    char number[8] = "";
    size_t size;

    if (file_read(&text, &size,
                  look_text(f, "%s/driver/nvidia/gpus/%s/information", proc_root, bus),
                  FILE_MAX_BYTES, NULL) < 0)
        return false;
    at = strstr(text, "Device Minor:");
    if (!at)
        return false;
    at += strlen("Device Minor:");
    at += strspn(at, " \t");
    (void)snprintf(number, sizeof number, "%.*s", (int)strspn(at, "0123456789"), at);
    if (!text_uint(&minor, number, MINOR_MAX))
        return false;
    *out = (unsigned)minor;
    return true;
}

/*
 * NVIDIA's container runtime hides the GPUs that a container was not given from its /proc; others
 * give it no device node.
 */
static void look_withheld(struct node_facts *f, const struct node_places *p)
{
    OWN_MEM char *mounts = NULL;
    size_t size;
    bool masked = file_read(&mounts, &size, look_text(f, "%s/self/mountinfo", p->proc_root),
                            FILE_MAX_BYTES, NULL) == 0 &&
                  strstr(mounts, " /proc/driver/nvidia ");

    for (size_t i = 0; i < f->driver.n_pci; i++) {
        struct node_pci *gpu = &f->driver.pci[i];
        unsigned minor;

        if (read_minor(f, &minor, p->proc_root, gpu->bus_id))
            gpu->withheld =
                look_at(look_text(f, "%s/dev/nvidia%u", p->dev_root, minor)) == NODE_MISSING;
        else
            gpu->withheld = masked;
    }
}

/* The first word of a text that is a version: "580.95.05". */
static const char *version_in(struct node_facts *f, char *line)
{
    char *rest = NULL;

    for (char *word = strtok_r(line, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
        size_t digits = strspn(word, "0123456789.");

        if (digits > 0 && word[digits] == '\0' && strchr(word, '.') && word[0] != '.')
            return look_text(f, "%s", word);
    }
    return NULL;
}

/* "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (…)" */
static void look_module(struct node_facts *f, const struct node_places *p)
{
    char line[LINE_SIZE];

    if (look_line(line, sizeof line, look_text(f, "%s/driver/nvidia/version", p->proc_root)) ||
        look_line(line, sizeof line, look_text(f, "%s/module/nvidia/version", p->sysfs_root)))
        f->driver.module = version_in(f, line);
    f->driver.nouveau = look_at(look_text(f, "%s/module/nouveau", p->sysfs_root)) == NODE_THERE;
}

/* "195 nvidia" under "Character devices:" */
static void look_majors(struct node_facts *f, const struct node_places *p)
{
    struct node_driver_facts *d = &f->driver;
    OWN_MEM char *text = NULL;
    char *rest = NULL;
    size_t size;

    if (file_read(&text, &size, look_text(f, "%s/devices", p->proc_root), FILE_MAX_BYTES, NULL) < 0)
        return;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        struct node_major *m = &d->majors[d->n_majors];
        char number[8] = "";
        uint64_t major;
        size_t digits;

        if (text_starts(line, "Block"))
            return;
        line += strspn(line, " ");
        digits = strspn(line, "0123456789");
        if (digits == 0 || digits >= sizeof number || !text_starts(line + digits, " nvidia"))
            continue;
        memcpy(number, line, digits);
        number[digits] = '\0';
        if (!text_uint(&major, number, UINT16_MAX) || !TEXT_COPY(m->name, line + digits + 1))
            continue;
        m->major = (unsigned)major;
        if (++d->n_majors == sizeof d->majors / sizeof d->majors[0])
            return;
    }
}

void look_driver(struct node_facts *f, const struct node_places *p)
{
    look_bus(f, p);
    look_module(f, p);
    look_majors(f, p);
    look_withheld(f, p);
    f->driver.persistence =
        look_at(look_text(f, "%s/run/nvidia-persistenced/socket", p->host_root)) == NODE_THERE;
}

/* `mode` is that of access(): what containers will want of it. */
static void add_device(struct node_facts *f, const struct node_places *p,
                       const struct node_device *device, int mode)
{
    struct node_driver_facts *d = &f->driver;
    struct node_device *grown = d->n_devices < NODE_DEVICES_MAX
                                    ? arena_grow(&f->arena, d->devices, d->n_devices, sizeof *grown)
                                    : NULL;
    const char *here = look_text(f, "%s%s", p->dev_root, device->path);
    struct stat st = {.st_mode = 0};

    if (!grown)
        return;
    d->devices = grown;
    grown[d->n_devices] = *device;
    grown[d->n_devices].sight = look_at(here);
    if (stat(here, &st) == 0) {
        grown[d->n_devices].is_device = S_ISCHR(st.st_mode);
        grown[d->n_devices].major = major(st.st_rdev);
        grown[d->n_devices].usable = access(here, mode) == 0;
    }
    d->n_devices++;
}

/* The node of a GPU or compute instance's capability; `folder` is its folder in /proc. */
static void add_capability(struct node_facts *f, const struct node_places *p, const char *folder)
{
    OWN_MEM char *text = NULL;
    char number[16];
    const char *at;
    size_t size, digits;

    if (file_read(&text, &size, look_text(f, "%s/access", folder), FILE_MAX_BYTES, NULL) < 0)
        return;
    at = strstr(text, "DeviceFileMinor:");
    if (!at)
        return;
    at += strlen("DeviceFileMinor:");
    at += strspn(at, " \t");
    digits = strspn(at, "0123456789");
    if (digits == 0 || digits >= sizeof number)
        return;
    memcpy(number, at, digits);
    number[digits] = '\0';
    add_device(f, p,
               &(struct node_device){.path = look_text(f, "/dev/nvidia-caps/nvidia-cap%s", number),
                                     .owner = "nvidia-caps",
                                     .needed = true},
               R_OK);
}

static void add_gpu_nodes(struct node_facts *f, const struct node_places *p, const struct gpu *g)
{
    const char *folder =
        look_text(f, "%s/driver/nvidia/capabilities/gpu%u/mig", p->proc_root, g->minor);

    add_device(f, p,
               &(struct node_device){.path = look_text(f, "/dev/nvidia%u", g->minor),
                                     .owner = "nvidia",
                                     .needed = true},
               R_OK | W_OK);
    for (unsigned i = 0; i < g->n_instances; i++) {
        const struct gpu_instance *gi = &g->instances[i];

        add_capability(f, p, look_text(f, "%s/gi%u", folder, gi->id));
        for (unsigned c = 0; c < gi->n_computes; c++)
            add_capability(f, p, look_text(f, "%s/gi%u/ci%u", folder, gi->id, gi->computes[c].id));
    }
}

void look_devices(struct node_facts *f, const struct node_places *p)
{
    static const struct node_device common[] = {
        {.path = "/dev/nvidiactl", .owner = "nvidia", .needed = true},
        {.path = "/dev/nvidia-uvm", .owner = "nvidia-uvm", .needed = true},
        {.path = "/dev/nvidia-uvm-tools", .owner = "nvidia-uvm"},
    };
    const struct inventory *inv = node_hardware(f);

    f->driver.own_dev = f->is_contained && !*p->dev_root;
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
        add_device(f, p, &common[i], R_OK | W_OK);
    for (unsigned i = 0; inv && i < inv->n_gpus; i++)
        if (!inv->gpus[i].fault[0])
            add_gpu_nodes(f, p, &inv->gpus[i]);
}
