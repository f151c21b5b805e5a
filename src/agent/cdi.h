/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of the CDI file: a device of kind carve.dev/gpu for every GPU and MIG device, named by
 * UUID, and the driver's files and nodes that every one of them needs.
 * https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md
 */
#ifndef AGENT_CDI_H
#define AGENT_CDI_H

struct buf;
struct driver_files;
struct err;
struct inventory;

#define CDI_KIND "carve.dev/gpu"
#define CDI_FILE "carve.dev-gpu.json"

/* What the file is made of. Borrows everything. Roots have no slash at their end; "" is "/". */
struct cdi_sources {
    const struct inventory *inventory;
    const struct driver_files *files;
    const char *hook;          /* NVIDIA's hook program on the host; NULL: none */
    const char *driver_root;   /* on the host */
    const char *dev_root;      /* on the host: holds /dev/nvidia0 */
    const char *dev_root_here; /* the same as seen from here */
    const char *proc_root;     /* "/proc" */
};

/*
 * Appends the whole file, in the lowest CDI version that is enough for it. MIG devices whose
 * capability nodes cannot be told are left out. Returns the number of devices (a file without any
 * is no CDI file) or negative errno.
 */
int cdi_write(struct buf *out, const struct cdi_sources *s, struct err *e);

#endif
