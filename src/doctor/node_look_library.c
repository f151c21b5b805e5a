/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's libraries: where their files are, whom they are for, and what NVML and libcuda say.
 * They are opened in child processes with a deadline, since a sick driver may hang or crash them.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "doctor/node_look.h"
#include "gpu/driver.h"
#include "gpu/library.h"
#include "node/node_state.h"

enum { TOLD_MAX_BYTES = NODE_STATE_MAX_BYTES + (1 << 15), VERSION_DIGITS_MIN = 3 };

/* What a child tells first; of NVML's the node's state follows. */
struct told {
    int code; /* 0 or negative errno */
    int cuda_version;
    char words[504];
    char path[PATH_MAX]; /* of the library that was loaded; "" */
};

struct search {
    const char *name;
    struct told *told;
};

static int find_loaded(struct dl_phdr_info *info, size_t size, void *self)
{
    struct search *s = self;
    const char *slash = strrchr(info->dlpi_name, '/');

    (void)size;
    return slash && text_starts(slash + 1, s->name) && TEXT_COPY(s->told->path, info->dlpi_name);
}

static void tell(int fd, struct told *t, const char *library, const struct err *e)
{
    struct search s = {.name = library, .told = t};

    (void)dl_iterate_phdr(find_loaded, &s);
    if (t->code < 0)
        (void)TEXT_COPY(t->words, e->msg);
    child_tell(fd, t, sizeof *t);
}

static void work_nvml(void *self, int fd)
{
    const struct node_places *p = self;
    struct told t = {0};
    struct driver driver = {0};
    struct node_state state = {0};
    struct buf bytes;
    struct err e = {0};

    t.code = driver_open_nvml(&driver, p->driver_root, p->sysfs_root, &e);
    if (t.code == 0)
        t.code = driver.read(driver.self, &state.inventory, &e);
    buf_init(&bytes, NODE_STATE_MAX_BYTES);
    if (t.code == 0)
        t.code = node_state_pack(&bytes, &state, &e);
    tell(fd, &t, "libnvidia-ml.so", &e);
    if (t.code == 0)
        child_tell(fd, bytes.data, bytes.size);
}

static void work_cuda(void *self, int fd)
{
    const struct node_places *p = self;
    struct told t = {0};
    struct err e = {0};
    void *library = NULL;

    t.code = library_open(&library, "libcuda.so.1", p->driver_root, &e);
    if (t.code == 0) {
        int (*version)(int *) = NULL;
        void *address = dlsym(library, "cuDriverGetVersion");

        memcpy(&version, &address, sizeof version);
        if (!version || version(&t.cuda_version) != 0)
            t.cuda_version = 0;
    }
    tell(fd, &t, "libcuda.so", &e);
}

/* Whom an ELF file is for; 0: it is none for 64 bits, or cannot be read. */
static uint16_t machine_of(const char *path)
{
    OWN_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    Elf64_Ehdr head;

    if (fd < 0 || read(fd, &head, sizeof head) != (ssize_t)sizeof head ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64)
        return 0;
    return head.e_machine;
}

static void look_file(struct node_facts *f, struct node_library *out, const char *path)
{
    char *real = realpath(path, NULL);
    const char *tail = real ? strstr(real, ".so.") : NULL;

    out->path = look_text(f, "%s", path);
    out->machine = machine_of(path);
    /* "580.95.05"; the "1.1" of Tegra's and WSL's libcuda.so.1.1 is no driver's. */
    if (tail && strchr(tail + 4, '.') && strspn(tail + 4, "0123456789") >= VERSION_DIGITS_MIN)
        out->version = look_text(f, "%s", tail + 4);
    free(real);
}

/* Where a library's file is, if the loader did not find it or before it was asked. */
static void find_file(struct node_facts *f, struct node_library *out, const char *name,
                      const char *root)
{
    const char *const *folders = library_folders();

    out->version = "";
    for (size_t i = 0; folders[i]; i++) {
        const char *path =
            look_text(f, "%s%s/%s", strcmp(root, "/") == 0 ? "" : root, folders[i], name);

        if (access(path, F_OK) == 0) {
            look_file(f, out, path);
            return;
        }
    }
}

/* Runs the work; *out is what it told, and behind it `bytes`. False: it told nothing. */
static bool ask(struct node_facts *f, struct node_library *out, struct told *told,
                struct buf *bytes, child_work *work, const struct node_places *p)
{
    struct node_places places = *p;
    struct err e = {0};
    int number = 0;

    if (child_run(&out->end, &number, bytes, work, &places, p->timeout_ms, &e) < 0) {
        out->end = CHILD_CRASHED;
        out->error = look_text(f, "%s", e.msg);
        return false;
    }
    if (out->end != CHILD_CRASHED && bytes->size >= sizeof *told) {
        memcpy(told, bytes->data, sizeof *told);
        told->words[sizeof told->words - 1] = told->path[sizeof told->path - 1] = '\0';
        buf_consume(bytes, sizeof *told);
        return true;
    }
    out->error =
        out->end == CHILD_LATE ? look_text(f, "no answer within %u s", (p->timeout_ms + 999) / 1000)
        : number ? look_text(f, "it crashed with signal %d (%s)", number, strsignal(number))
                 : "it ended the process that called it";
    return false;
}

static void look_nvml(struct node_facts *f, const struct node_places *p)
{
    struct node_driver_facts *d = &f->driver;
    OWN(buf_done) struct buf bytes;
    struct told told = {0};
    struct err e = {0};

    find_file(f, &d->nvml, "libnvidia-ml.so.1", p->driver_root);
    buf_init(&bytes, TOLD_MAX_BYTES);
    if (!ask(f, &d->nvml, &told, &bytes, work_nvml, p))
        return;
    if (*told.path)
        look_file(f, &d->nvml, told.path);
    d->nvml_code = told.code;
    if (told.code == 0)
        d->nvml_code = node_state_unpack(&d->told, bytes.data, bytes.size, &e);
    if (told.code < 0)
        d->nvml.error = look_text(f, "%s", told.words);
    else if (d->nvml_code < 0)
        d->nvml.error = look_text(f, "%s", e.msg);
}

static void look_cuda(struct node_facts *f, const struct node_places *p)
{
    struct node_driver_facts *d = &f->driver;
    OWN(buf_done) struct buf bytes;
    struct told told = {0};

    find_file(f, &d->cuda, "libcuda.so.1", p->driver_root);
    buf_init(&bytes, TOLD_MAX_BYTES);
    if (!ask(f, &d->cuda, &told, &bytes, work_cuda, p))
        return;
    if (*told.path)
        look_file(f, &d->cuda, told.path);
    if (told.code < 0)
        d->cuda.error = look_text(f, "%s", told.words);
    else if (told.cuda_version > 0)
        d->cuda_version = (unsigned)told.cuda_version;
}

void look_libraries(struct node_facts *f, const struct node_places *p)
{
    look_nvml(f, p);
    look_cuda(f, p);
}
