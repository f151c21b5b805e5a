/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding programs: beside this one as they are installed (PREFIX/bin, PREFIX/libexec/carve), else
 * as they lie in the build folder. See places.h.
 */
#include "demo/places.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/own.h"

/* The first of the candidates below folder that is there, as a new string. */
static int find(char **out, const char *folder, const char *const candidates[2], struct err *e)
{
    for (size_t i = 0; i < 2; i++) {
        OWN_MEM char *path = file_join(folder, candidates[i]);
        char *real = path ? realpath(path, NULL) : NULL;

        if (real) {
            *out = real;
            return 0;
        }
    }
    return err_set(e, ENOENT, "the demo needs '%s' in '%s'", candidates[0], folder);
}

static int find_programs(struct places *p, struct err *e)
{
    static const char *const candidates[][2] = {
        {"carve", "carve"},
        {"../sbin/carved", "../agent/carved"},
        {"carve-emulator", "../../emulator/carve-emulator"},
        {"../libexec/carve/demo-probe", "../demo/demo-probe"},
        {"../libexec/carve/demo-tenant", "../demo/demo-tenant"},
        {"../libexec/carve/emulator", "../../emulator"},
        {DEMO_LIBRARY, "../shim/libcarve.so"},
    };
    char **const found[] = {&p->carve,  &p->carved,         &p->control, &p->probe,
                            &p->tenant, &p->library_folder, &p->library};
    OWN_MEM char *self = realpath("/proc/self/exe", NULL);
    char *slash = self ? strrchr(self, '/') : NULL;
    int r = 0;

    if (!slash)
        return err_errno(e, errno, "find this program");
    *slash = '\0';
    for (size_t i = 0; r == 0 && i < sizeof candidates / sizeof *candidates; i++)
        r = find(found[i], self, candidates[i], e);
    return r;
}

/* A new folder with a name of its own. */
static int make_folder(char **out, const char *template, struct err *e)
{
    OWN_MEM char *path = strdup(template);

    if (!path)
        return err_memory(e);
    if (!mkdtemp(path))
        return err_errno(e, errno, "make a folder '%s'", template);
    *out = TAKE(path);
    return 0;
}

static int make_folders(struct places *p, struct err *e)
{
    const struct {
        const char *name;
        char **path;
        bool folder;
    } parts[] = {
        {"state", &p->state, false},        {"node", &p->tree, true},
        {"kubelet", &p->kubelet, true},     {"cdi", &p->cdi, true},
        {"carved.sock", &p->socket, false}, {"config.yaml", &p->config, false},
        {"containers", &p->roots, true},    {"carved.log", &p->log, false},
        {"output", &p->output, false},
    };
    int r = make_folder(&p->work, "/tmp/carve-demo-XXXXXX", e);

    /* Slices are kept on a tmpfs; these are in a ledger of their own. */
    if (r == 0)
        r = make_folder(&p->pages, "/dev/shm/demo-of-carve-XXXXXX", e);
    for (size_t i = 0; r == 0 && i < sizeof parts / sizeof *parts; i++) {
        *parts[i].path = file_join(p->work, parts[i].name);
        if (!*parts[i].path)
            return err_memory(e);
        if (parts[i].folder)
            r = file_make_folder(*parts[i].path, e);
    }
    return r;
}

int places_init(struct places *p, struct err *e)
{
    int r;

    *p = (struct places){0};
    r = find_programs(p, e);
    if (r == 0)
        r = make_folders(p, e);
    if (r < 0)
        places_done(p);
    return r;
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *walk)
{
    (void)info;
    (void)flag;
    (void)walk;
    (void)remove(path);
    return 0;
}

void places_done(struct places *p)
{
    char *const all[] = {p->carve,   p->carved, p->control, p->probe, p->tenant,  p->library_folder,
                         p->library, p->work,   p->state,   p->tree,  p->kubelet, p->cdi,
                         p->socket,  p->config, p->roots,   p->pages, p->log,     p->output};

    for (size_t i = 0; i < 2; i++) {
        const char *made = i == 0 ? p->work : p->pages;

        if (made)
            (void)nftw(made, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    *p = (struct places){0};
}
