/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's files: see tree.h. Texts follow the kernel module's /proc files; numbers of the
 * capability nodes follow its static table, 3 + 135 * gpu + 9 * gi (+ 1 + ci).
 */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"

enum {
    PATH_SIZE = 4352,
    MODULE_GPUS = 32, /* rows of the kernel module's table */
};

struct path {
    char text[PATH_SIZE];
};

__attribute__((format(printf, 1, 2))) static struct path path_of(const char *fmt, ...)
{
    struct path p;
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(p.text, sizeof p.text, fmt, args);
    va_end(args);
    return p;
}

/* No fsync: these files stand for /proc, and a driver call must not wait for a disk. */
static int put_bytes(const char *path, const void *data, size_t size, mode_t mode)
{
    struct path beside = path_of("%s.%d.new", path, (int)getpid());
    int fd = open(beside.text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    ssize_t written;
    int rc = 0;

    if (fd < 0)
        return -errno;
    written = write(fd, data, size);
    if (written < 0 || fchmod(fd, mode) < 0)
        rc = -errno;
    else if (written != (ssize_t)size)
        rc = -ENOSPC;
    (void)close(fd);
    if (rc == 0 && rename(beside.text, path) < 0)
        rc = -errno;
    if (rc < 0)
        (void)unlink(beside.text);
    return rc;
}

static int put(const char *path, const char *text)
{
    return put_bytes(path, text, strlen(text), 0444);
}

/* A device node on the numbers of /dev/null, or a plain file where that is not allowed. */
static int put_node(const char *path, mode_t mode, bool *out_plain)
{
    int fd;

    if (unlink(path) < 0 && errno != ENOENT)
        return -errno;
    if (mknod(path, S_IFCHR | mode, makedev(1, 3)) == 0)
        return chmod(path, mode) == 0 ? 0 : -errno;
    if (errno != EPERM)
        return -errno;
    *out_plain = true;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    (void)close(fd);
    return 0;
}

unsigned tree_minor(unsigned gpu, unsigned gi, unsigned ci)
{
    return 3 + 135 * gpu + 9 * gi + (ci == UINT32_MAX ? 0 : 1 + ci);
}

/* The capability's folder in /proc; ci UINT32_MAX: of the GPU instance itself. */
static struct path capability_of(const char *folder, unsigned gpu, unsigned gi, unsigned ci)
{
    if (ci == UINT32_MAX)
        return path_of("%s/proc/driver/nvidia/capabilities/gpu%u/mig/gi%u", folder, gpu, gi);
    return path_of("%s/proc/driver/nvidia/capabilities/gpu%u/mig/gi%u/ci%u", folder, gpu, gi, ci);
}

void tree_capability(const char *folder, unsigned gpu, unsigned gi, unsigned ci, bool there)
{
    struct path proc = capability_of(folder, gpu, gi, ci);
    unsigned minor = tree_minor(gpu, gi, ci);
    struct path file = path_of("%s/access", proc.text);
    struct path node = path_of("%s/dev/nvidia-caps/nvidia-cap%u", folder, minor);
    char text[96];
    bool plain;

    if (there) {
        (void)snprintf(text, sizeof text,
                       "DeviceFileMinor: %u\nDeviceFileMode: 292\nDeviceFileModify: 1\n", minor);
        if (mkdir(proc.text, 0755) < 0 && errno != EEXIST)
            return; /* not a tree */
        (void)put_node(node.text, 0444, &plain);
        (void)put(file.text, text);
    } else {
        (void)unlink(file.text);
        (void)unlink(node.text);
        (void)rmdir(proc.text);
    }
}

void tree_follow(const char *folder, const struct state_gpu *s, unsigned gpu)
{
    for (unsigned gi = 0; gi < STATE_INSTANCES; gi++) {
        struct path proc = capability_of(folder, gpu, gi, UINT32_MAX);

        if (!s->gi[gi].used && access(proc.text, F_OK) != 0)
            continue;
        if (s->gi[gi].used)
            tree_capability(folder, gpu, gi, UINT32_MAX, true);
        for (unsigned ci = 0; ci < STATE_COMPUTES; ci++)
            tree_capability(folder, gpu, gi, ci, s->gi[gi].used && s->gi[gi].ci[ci].used);
        if (!s->gi[gi].used)
            tree_capability(folder, gpu, gi, UINT32_MAX, false);
    }
}

static int copy_program(const char *from, const char *to, struct err *e)
{
    OWN_MEM char *data = NULL;
    size_t size;
    int rc;

    if (file_read(&data, &size, from, 64 << 20, e) < 0)
        return err_wrap(e, "driver file");
    rc = put_bytes(to, data, size, 0755);
    return rc < 0 ? err_errno(e, -rc, "write '%s'", to) : 0;
}

static int link_to(const char *target, const char *path, struct err *e)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return err_errno(e, errno, "replace '%s'", path);
    return symlink(target, path) == 0 ? 0 : err_errno(e, errno, "link '%s'", path);
}

static int write_library(const char *folder, const char *programs, const char *name,
                         const char *driver, struct err *e)
{
    struct path from = path_of("%s/%s.so.1", programs, name);
    struct path target = path_of("%s.so.%s", name, driver);
    struct path to = path_of("%s/%s", folder, target.text);
    struct path major = path_of("%s/%s.so.1", folder, name);

    if (copy_program(from.text, to.text, e) < 0)
        return -EIO;
    return link_to(target.text, major.text, e);
}

static int write_driver(const char *folder, const char *programs, const struct node *n,
                        struct err *e)
{
    struct path libraries = path_of("%s/driver/usr/lib/x86_64-linux-gnu", folder);
    struct path commands = path_of("%s/driver/usr/bin", folder);
    struct path from = path_of("%s/nvidia-smi", programs),
                to = path_of("%s/nvidia-smi", commands.text);
    struct path plain = path_of("%s/libcuda.so", libraries.text);

    if (file_make_folder(libraries.text, e) < 0 || file_make_folder(commands.text, e) < 0 ||
        write_library(libraries.text, programs, "libnvidia-ml", n->driver, e) < 0 ||
        write_library(libraries.text, programs, "libcuda", n->driver, e) < 0 ||
        link_to("libcuda.so.1", plain.text, e) < 0)
        return -EIO;
    return copy_program(from.text, to.text, e);
}

static int write_nodes(const char *folder, const struct node *n, bool *out_plain, struct err *e)
{
    static const char *const names[] = {"nvidiactl", "nvidia-uvm", "nvidia-uvm-tools",
                                        "nvidia-modeset"};
    struct path at = path_of("%s/dev/nvidia-caps", folder);
    int rc;

    if (file_make_folder(at.text, e) < 0)
        return -EIO;
    for (unsigned i = 0; i < n->n_gpus + 4; i++) {
        at = i < 4 ? path_of("%s/dev/%s", folder, names[i])
                   : path_of("%s/dev/nvidia%u", folder, i - 4);
        rc = put_node(at.text, 0666, out_plain);
        if (rc < 0)
            return err_errno(e, -rc, "make node '%s'", at.text);
    }
    for (unsigned minor = 1; minor <= 2; minor++) {
        at = path_of("%s/dev/nvidia-caps/nvidia-cap%u", folder, minor);
        rc = put_node(at.text, minor == 1 ? 0400 : 0444, out_plain);
        if (rc < 0)
            return err_errno(e, -rc, "make node '%s'", at.text);
    }
    return 0;
}

/* One text file below the tree, with its folder. */
__attribute__((format(printf, 4, 5))) static int put_text(const char *folder, const char *name,
                                                          struct err *e, const char *fmt, ...)
{
    struct path at = path_of("%s/%s", folder, name), text, above = at;
    va_list args;
    int rc;

    va_start(args, fmt);
    (void)vsnprintf(text.text, sizeof text.text, fmt, args);
    va_end(args);
    *strrchr(above.text, '/') = '\0';
    if (file_make_folder(above.text, e) < 0)
        return -EIO;
    rc = put(at.text, text.text);
    return rc < 0 ? err_errno(e, -rc, "write '%s'", at.text) : 0;
}

static struct path bus_of(const struct gpu *g)
{
    return path_of("%04x:%02x:%02x.0", g->domain, g->bus, g->device);
}

static int write_gpu_proc(const char *folder, const struct node *n, const struct gpu *g,
                          struct err *e)
{
    struct path bus = bus_of(g), name = path_of("proc/driver/nvidia/gpus/%s/information", bus.text);
    const char *bios = g->board->vbios[0] ? g->board->vbios : "??.??.??.??.??";

    if (put_text(folder, name.text, e,
                 "Model: \t\t %s\nIRQ:   \t\t %lld\nGPU UUID: \t %s\nVideo BIOS: \t %s\n"
                 "Bus Type: \t PCIe\nDMA Size: \t 52 bits\nDMA Mask: \t 0xfffffffffffff\n"
                 "Bus Location: \t %s\nDevice Minor: \t %u\nGPU Firmware: \t %s\n"
                 "GPU Excluded:\t No\n",
                 g->board->name, (long long)g->facts[FACT_IRQ], g->uuid, bios, bus.text, g->index,
                 n->driver) < 0)
        return -EIO;
    name = path_of("%s/proc/driver/nvidia/capabilities/gpu%u/mig", folder, g->index);
    return file_make_folder(name.text, e);
}

/*
 * What readers of PCI facts insist on: the head of the configuration space (vendor and device,
 * little-endian) and the 13 resource lines (start, end, flags), of which the first is BAR 0.
 */
static int write_gpu_space(const char *folder, const struct board *b, struct err *e)
{
    unsigned char space[256] = {
        (unsigned char)b->pci_device_id,
        (unsigned char)(b->pci_device_id >> 8),
        (unsigned char)(b->pci_device_id >> 16),
        (unsigned char)(b->pci_device_id >> 24),
    };
    struct path config = path_of("%s/config", folder);
    struct buf lines;
    int rc;

    rc = put_bytes(config.text, space, sizeof space, 0644);
    if (rc < 0)
        return err_errno(e, -rc, "write '%s'", config.text);
    buf_init(&lines, 4096);
    buf_text(&lines, "0x00000000a0000000 0x00000000a0ffffff 0x0000000000040200\n");
    for (int line = 1; line < 13; line++)
        buf_text(&lines, "0x0000000000000000 0x0000000000000000 0x0000000000000000\n");
    rc = put_text(folder, "resource", e, "%s", lines.data ? lines.data : "");
    buf_done(&lines);
    return rc;
}

static int write_gpu_sys(const char *folder, const struct gpu *g, struct err *e)
{
    struct path bus = bus_of(g), at = path_of("%s/sys/bus/pci/devices/%s", folder, bus.text);
    const struct board *b = g->board;

    if (put_text(at.text, "numa_node", e, "%d\n", g->numa) < 0 ||
        put_text(at.text, "vendor", e, "0x%04x\n", b->pci_device_id & 0xffff) < 0 ||
        put_text(at.text, "device", e, "0x%04x\n", b->pci_device_id >> 16) < 0 ||
        put_text(at.text, "subsystem_vendor", e, "0x%04x\n", b->pci_subsystem_id & 0xffff) < 0 ||
        put_text(at.text, "subsystem_device", e, "0x%04x\n", b->pci_subsystem_id >> 16) < 0 ||
        put_text(at.text, "class", e, "0x030200\n") < 0 || write_gpu_space(at.text, b, e) < 0)
        return -EIO;
    return g->cpus[0] ? put_text(at.text, "local_cpulist", e, "%s\n", g->cpus) : 0;
}

/* The module's whole table, whether an instance exists or not. */
static int write_minors(const char *folder, struct err *e)
{
    struct path at = path_of("%s/proc/driver/nvidia-caps", folder);
    struct buf text;
    int rc;

    if (file_make_folder(at.text, e) < 0)
        return -EIO;
    buf_init(&text, 1 << 20);
    buf_text(&text, "config 1\nmonitor 2\n");
    for (unsigned gpu = 0; gpu < MODULE_GPUS; gpu++) {
        for (unsigned gi = 0; gi < STATE_INSTANCES; gi++) {
            buf_printf(&text, "gpu%u/gi%u/access %u\n", gpu, gi, tree_minor(gpu, gi, UINT32_MAX));
            for (unsigned ci = 0; ci < STATE_COMPUTES; ci++)
                buf_printf(&text, "gpu%u/gi%u/ci%u/access %u\n", gpu, gi, ci,
                           tree_minor(gpu, gi, ci));
        }
    }
    at = path_of("%s/proc/driver/nvidia-caps/mig-minors", folder);
    rc = buf_check(&text, e);
    if (rc == 0 && put_bytes(at.text, text.data, text.size, 0444) < 0)
        rc = err_set(e, EIO, "write '%s'", at.text);
    buf_done(&text);
    return rc;
}

static int write_proc(const char *folder, const struct node *n, struct err *e)
{
    if (put_text(folder, "proc/driver/nvidia/version", e,
                 "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  %s  "
                 "Release Build  (carve emulator: no real driver)\n",
                 n->driver) < 0 ||
        put_text(folder, "proc/driver/nvidia/params", e, "ModifyDeviceFiles: 1\n") < 0 ||
        put_text(folder, "proc/driver/nvidia/capabilities/mig/config", e,
                 "DeviceFileMinor: 1\nDeviceFileMode: 256\nDeviceFileModify: 1\n") < 0 ||
        put_text(folder, "proc/driver/nvidia/capabilities/mig/monitor", e,
                 "DeviceFileMinor: 2\nDeviceFileMode: 292\nDeviceFileModify: 1\n") < 0 ||
        put_text(folder, "proc/devices", e,
                 "Character devices:\n  1 mem\n195 nvidia\n195 nvidia-modeset\n195 nvidiactl\n"
                 "235 nvidia-caps\n236 nvidia-caps-imex-channels\n510 nvidia-uvm\n"
                 "  1 nvidia\n  1 nvidia-uvm\n  1 nvidia-caps\n\n" /* as put_node() has it */
                 "Block devices:\n") < 0)
        return -EIO;
    return write_minors(folder, e);
}

int tree_write(const char *folder, const char *programs, const struct node *n,
               const struct state *s, struct tree_report *out, struct err *e)
{
    if (strlen(folder) > PATH_SIZE / 2 || strlen(programs) > PATH_SIZE / 2)
        return err_set(e, ENAMETOOLONG, "tree: path too long");
    out->plain_nodes = false;
    if (write_driver(folder, programs, n, e) < 0 ||
        write_nodes(folder, n, &out->plain_nodes, e) < 0 || write_proc(folder, n, e) < 0)
        return -e->code;
    if (put_text(folder, "sys/class/dmi/id/product_name", e, "%s\n", n->name) < 0)
        return -e->code;
    for (unsigned i = 0; i < n->n_gpus; i++) {
        if (write_gpu_proc(folder, n, &n->gpus[i], e) < 0 ||
            write_gpu_sys(folder, &n->gpus[i], e) < 0)
            return -e->code;
        tree_follow(folder, &s->gpus[i], i);
    }
    return 0;
}
