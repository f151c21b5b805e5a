/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the driver's files: see driver_files.h. A library is given under its own name and under
 * its DT_SONAME, so that a container's linker finds it without a cache being rebuilt inside.
 */
#include "agent/driver_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/root_path.h"
#include "agent/soname.h"
#include "base/err.h"
#include "base/file.h"

static const char *const library_folders[] = {
    "/usr/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib",
    "/usr/lib/x86_64-linux-gnu/nvidia/current",
    "/usr/lib/aarch64-linux-gnu/nvidia/current",
    "/lib64",
    "/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/nvidia/tesla", /* Bottlerocket */
};

static const char *const programs[] = {
    "nvidia-smi",
    "nvidia-debugdump",
    "nvidia-persistenced",
    "nvidia-cuda-mps-control",
    "nvidia-cuda-mps-server",
};

static const char *const sockets[] = {
    "/run/nvidia-persistenced/socket",
    "/run/nvidia-fabricmanager/socket",
};

static const char *const firmware_folders[] = {
    "/lib/firmware/nvidia",
    "/usr/lib/firmware/nvidia",
};

static const char *const hooks[] = {
    "/usr/bin/nvidia-cdi-hook",
    "/usr/bin/nvidia-ctk",
};

/* Names that programs open although no library is called so. */
static const char *const plain_names[] = {"libcuda.so", "libnvidia-opticalflow.so"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A search under way: below `root`, for `version`. */
struct search {
    struct driver_files *found;
    const char *root;
    const char *version;
};

void driver_files_free(struct driver_files *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->count; i++) {
        free(f->files[i].source);
        free(f->files[i].target);
    }
    free(f->files);
    free(f->root);
    free(f->version);
    free(f->library_folder);
    free(f->real_folder);
    free(f);
}

static bool is_there(const struct search *s, const char *path)
{
    OWN_MEM char *real = root_path_follow(s->root, path);

    return real;
}

static bool is_socket(const struct search *s, const char *source)
{
    OWN_MEM char *here = NULL;
    struct stat st;

    if (asprintf(&here, "%s%s", s->root, source) < 0) {
        here = NULL;
        return false;
    }
    return stat(here, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Adds the file that a path leads to, unless there is none or the target is taken. */
static int add(struct search *s, const char *path, const char *target, struct err *e)
{
    struct driver_files *f = s->found;
    struct driver_file file = {.source = root_path_follow(s->root, path)};

    if (!file.source)
        return 0;
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->files[i].target, target) == 0) {
            free(file.source);
            return 0;
        }
    }
    if (f->count < DRIVER_FILES_MAX)
        file.target = strdup(target);
    if (!file.target) {
        free(file.source);
        return f->count < DRIVER_FILES_MAX
                   ? err_memory(e)
                   : err_set(e, EOVERFLOW, "more than %d driver files below '%s'", DRIVER_FILES_MAX,
                             s->root);
    }
    file.is_socket = is_socket(s, file.source);
    f->files[f->count++] = file;
    return 0;
}

/* The same with the target `name` in the folder of the libraries. */
static int add_name(struct search *s, const char *path, const char *folder, const char *name,
                    struct err *e)
{
    OWN_MEM char *target = file_join(folder, name);

    return target ? add(s, path, target, e) : err_memory(e);
}

/* Whether a file name ends in ".so.<version>". */
static bool is_versioned(const char *name, const char *version)
{
    size_t size = strlen(name), tail = strlen(version);

    return strncmp(name, "lib", 3) == 0 && size > tail + 4 &&
           strcmp(name + size - tail, version) == 0 &&
           strncmp(name + size - tail - 4, ".so.", 4) == 0;
}

/*
 * Adds the library `name` of a folder to the folder `to`, under its own name, its DT_SONAME and, if
 * it has one, its plain name.
 */
static int add_library(struct search *s, const char *folder, const char *name, const char *to,
                       struct err *e)
{
    OWN_MEM char *path = file_join(folder, name);
    OWN_MEM char *real = path ? root_path_follow(s->root, path) : NULL;
    OWN_MEM char *here = NULL;
    char buffer[SONAME_SIZE];
    const char *soname;
    int r;

    if (!real)
        return path ? 0 : err_memory(e);
    if (asprintf(&here, "%s%s", s->root, real) < 0) {
        here = NULL;
        return err_memory(e);
    }
    r = add_name(s, real, to, name, e);
    soname = soname_read(buffer, here);
    if (r == 0 && soname)
        r = add_name(s, real, to, soname, e);
    for (size_t i = 0; r == 0 && i < COUNT(plain_names); i++)
        if (strncmp(name, plain_names[i], strlen(plain_names[i])) == 0)
            r = add_name(s, real, to, plain_names[i], e);
    return r;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void free_names(struct dirent **names, int n)
{
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

/* The entries of a folder below the root, by name; a folder that is not there has none. */
static int list(struct dirent ***out, const struct search *s, const char *folder)
{
    OWN_MEM char *real = root_path_follow(s->root, folder);
    OWN_MEM char *here = NULL;

    if (!real || asprintf(&here, "%s%s", s->root, real) < 0) {
        here = NULL;
        return 0;
    }
    return scandir(here, out, NULL, by_name);
}

/* Every library of the version in a folder, for the folder `to`. */
static int add_libraries(struct search *s, const char *folder, const char *to, struct err *e)
{
    struct dirent **names = NULL;
    int n = list(&names, s, folder), r = 0;

    for (int i = 0; r == 0 && i < n; i++)
        if (is_versioned(names[i]->d_name, s->version))
            r = add_library(s, folder, names[i]->d_name, to, e);
    free_names(names, n);
    return r;
}

/* Libraries that are there under these names when nothing else is. */
static const char *const main_libraries[] = {"libcuda.so.1", "libnvidia-ml.so.1"};

/*
 * The folders of the driver's libraries: libcuda's or, on a node without, libnvidia-ml's; and the
 * one that it really is in.
 */
static int find_folders(struct search *s, struct err *e)
{
    for (size_t i = 0; i < COUNT(main_libraries) * COUNT(library_folders); i++) {
        const char *folder = library_folders[i % COUNT(library_folders)];
        OWN_MEM char *path = file_join(folder, main_libraries[i / COUNT(library_folders)]);
        OWN_MEM char *real = path ? root_path_follow(s->root, path) : NULL;

        if (!real)
            continue;
        *strrchr(real, '/') = '\0';
        s->found->library_folder = strdup(folder);
        s->found->real_folder = TAKE(real);
        return s->found->library_folder ? 0 : err_memory(e);
    }
    return 0;
}

/*
 * A driver may be kept in a folder of its own (/usr/local/nvidia/lib64) with links to some of its
 * libraries where the linker looks; it opens the others, too, and finds them in no other place.
 */
static int add_all_libraries(struct search *s, struct err *e)
{
    const char *folder = s->found->library_folder, *real = s->found->real_folder;
    int r;

    if (!folder)
        return 0;
    r = add_libraries(s, folder, folder, e);
    if (r == 0)
        r = add_libraries(s, real, folder, e);
    for (size_t i = 0; r == 0 && i < 2; i++) {
        OWN_MEM char *from = file_join(i == 0 ? folder : real, "vdpau");
        OWN_MEM char *to = file_join(folder, "vdpau");

        r = from && to ? add_libraries(s, from, to, e) : err_memory(e);
    }
    /* Some installations have plain files where others have links to versioned ones. */
    for (size_t i = 0; r == 0 && i < COUNT(main_libraries); i++)
        r = add_library(s, folder, main_libraries[i], folder, e);
    return r;
}

/* A program of the driver's own folder (/usr/local/nvidia/bin) or, without one, of /usr/bin. */
static int add_program(struct search *s, const char *name, struct err *e)
{
    const char *real = s->found->real_folder;
    OWN_MEM char *usual = file_join("/usr/bin", name);
    OWN_MEM char *own = NULL;

    if (!usual)
        return err_memory(e);
    if (real && asprintf(&own, "%s/../bin/%s", real, name) < 0) {
        own = NULL;
        return err_memory(e);
    }
    return add(s, own && is_there(s, own) ? own : usual, usual, e);
}

static int add_firmware(struct search *s, struct err *e)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < COUNT(firmware_folders); i++) {
        struct dirent **names = NULL;
        char folder[256], path[512];
        int n;

        (void)snprintf(folder, sizeof folder, "%s/%s", firmware_folders[i], s->version);
        n = list(&names, s, folder);
        for (int k = 0; r == 0 && k < n; k++) {
            const char *name = names[k]->d_name, *dot = strrchr(name, '.');

            if (strncmp(name, "gsp", 3) != 0 || !dot || strcmp(dot, ".bin") != 0)
                continue;
            (void)snprintf(path, sizeof path, "%s/%s", folder, name);
            r = add(s, path, path, e);
        }
        free_names(names, n);
        if (n > 0)
            break; /* /lib may be a link to /usr/lib */
    }
    return r;
}

static int add_sockets(struct search *s, struct err *e)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < COUNT(sockets); i++)
        if (is_socket(s, sockets[i]))
            r = add(s, sockets[i], sockets[i], e);
    return r;
}

static void find_hook(struct search *s)
{
    for (size_t i = 0; i < COUNT(hooks) && !s->found->hook; i++)
        if (is_there(s, hooks[i]))
            s->found->hook = hooks[i];
}

static uint64_t mix(uint64_t stamp, const char *root, const char *path)
{
    OWN_MEM char *real = root_path_follow(root, path);
    OWN_MEM char *here = NULL;
    struct stat st = {0};
    uint64_t seen;

    if (asprintf(&here, "%s%s", root, real ? real : path) < 0)
        here = NULL;
    if (!here || stat(here, &st) < 0)
        st = (struct stat){0};
    seen =
        (uint64_t)st.st_ino * 31 + (uint64_t)st.st_mtim.tv_sec * 17 + (uint64_t)st.st_mtim.tv_nsec;
    return (stamp ^ seen) * UINT64_C(0x100000001b3); /* FNV's prime */
}

static uint64_t stamp_of(const struct driver_files *f)
{
    uint64_t stamp = 1;

    for (size_t i = 0; i < COUNT(library_folders); i++)
        stamp = mix(stamp, f->root, library_folders[i]);
    for (size_t i = 0; i < COUNT(sockets); i++)
        stamp = mix(stamp, f->root, sockets[i]);
    for (size_t i = 0; i < COUNT(firmware_folders); i++)
        stamp = mix(stamp, f->root, firmware_folders[i]);
    if (f->real_folder)
        stamp = mix(stamp, f->root, f->real_folder);
    return mix(stamp, f->root, "/usr/bin");
}

bool driver_files_changed(const struct driver_files *f)
{
    return stamp_of(f) != f->stamp;
}

static int find_all(struct search *s, struct err *e)
{
    int r = find_folders(s, e);

    /* Before the rest, so that what comes meanwhile is seen the next time. */
    s->found->stamp = stamp_of(s->found);
    if (r == 0)
        r = add_all_libraries(s, e);
    for (size_t i = 0; r == 0 && i < COUNT(programs); i++)
        r = add_program(s, programs[i], e);
    if (r == 0)
        r = add_sockets(s, e);
    if (r == 0)
        r = add_firmware(s, e);
    find_hook(s);
    return r;
}

int driver_files_find(struct driver_files **out, const char *root, const char *version,
                      struct err *e)
{
    OWN(driver_files_freep) struct driver_files *found = calloc(1, sizeof *found);
    struct search s = {.found = found, .root = root, .version = version};
    struct driver_file *fitting;
    int r;

    if (!found)
        return err_memory(e);
    found->files = calloc(DRIVER_FILES_MAX, sizeof *found->files);
    found->root = strdup(root);
    found->version = strdup(version);
    if (!found->files || !found->root || !found->version)
        return err_memory(e);
    r = find_all(&s, e);
    if (r < 0)
        return r;
    fitting = realloc(found->files, (found->count + 1) * sizeof *found->files);
    if (fitting)
        found->files = fitting;
    *out = TAKE(found);
    return 0;
}
