/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the driver's functions in the way that its argument names, and tries them (driver_try); or
 * says what a lookup found.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "driver.h"

enum { VERSION = 12000, PER_THREAD = 2 };

typedef CUresult ask_fn(const char *symbol, void **out, int version, uint64_t flags);
typedef CUresult ask_v2_fn(const char *symbol, void **out, int version, uint64_t flags,
                           int *status);

static void *by_dlsym(void *self, const char *name)
{
    return dlsym(self, name);
}

/* The names of cuGetProcAddress have no version: it is asked for. */
static const char *plain(const char *name, char out[64])
{
    const char *end = strstr(name, "_v2");

    (void)snprintf(out, 64, "%.*s", end ? (int)(end - name) : (int)strlen(name), name);
    return out;
}

static void *by_proc_address(void *self, const char *name)
{
    ask_fn *ask;
    void *found = NULL;
    char text[64];

    *(void **)&ask = dlsym(self, "cuGetProcAddress");
    return ask(plain(name, text), &found, VERSION, 0) == CUDA_SUCCESS ? found : NULL;
}

static void *by_proc_address_v2(void *self, const char *name)
{
    ask_v2_fn *ask;
    void *found = NULL;
    char text[64];
    int status;

    *(void **)&ask = dlsym(self, "cuGetProcAddress_v2");
    return ask(plain(name, text), &found, VERSION, 0, &status) == CUDA_SUCCESS ? found : NULL;
}

/* As cudart does: asks for the asking function, in the form of CUDA 12, and goes on with that. */
static void *by_asking_twice(void *self, const char *name)
{
    ask_fn *ask;
    ask_v2_fn *then = NULL;
    void *found = NULL;
    char text[64];
    int status;

    *(void **)&ask = dlsym(self, "cuGetProcAddress");
    if (ask("cuGetProcAddress", (void **)&then, VERSION, 0) != CUDA_SUCCESS)
        return NULL;
    return then(plain(name, text), &found, VERSION, PER_THREAD, &status) == CUDA_SUCCESS ? found
                                                                                         : NULL;
}

static const struct way {
    const char *name;
    void *(*find)(void *self, const char *name);
    int mode; /* of dlopen */
    void *self;
} ways[] = {
    {"dlsym", by_dlsym, RTLD_NOW, NULL},
    {"default", by_dlsym, RTLD_NOW | RTLD_GLOBAL, RTLD_DEFAULT},
    {"next", by_dlsym, RTLD_NOW | RTLD_GLOBAL, RTLD_NEXT},
    {"proc-address", by_proc_address, RTLD_NOW, NULL},
    {"proc-address-v2", by_proc_address_v2, RTLD_NOW, NULL},
    {"proc-address-per-thread", by_asking_twice, RTLD_NOW, NULL},
};

static int try(const struct way *way, const char *path)
{
    void *handle = dlopen(path, way->mode);
    struct driver d;

    if (!handle) {
        (void)printf("dlopen: %s\n", dlerror());
        return 1;
    }
    driver_find(&d, way->find, way->self || strstr(way->name, "default") ? way->self : handle);
    if (!d.init || !d.alloc || !d.alloc_async) {
        (void)printf("not found: %s\n", dlerror());
        return 1;
    }
    return driver_try(&d) ? 0 : 1;
}

/* What lookups say while the driver's library is not there: as libc says of any name. */
static int absent(void)
{
    static const char *const names[] = {"cuMemAlloc_v2", "cuInit", "nvmlInit_v2", "nosuchname"};
    void *self = dlopen(NULL, RTLD_NOW);

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        void *const handles[] = {RTLD_DEFAULT, RTLD_NEXT, self};

        for (size_t j = 0; j < sizeof handles / sizeof *handles; j++) {
            void *found = dlsym(handles[j], names[i]);
            const char *error = dlerror();

            (void)printf("%s %s %s\n", names[i], found ? "found" : "absent",
                         error && strstr(error, "undefined symbol") ? "undefined" : "unsaid");
        }
    }
    return 0;
}

/* Names that are not the driver's, and a pending error: as without us. */
static int other(void)
{
    void *library = dlopen("libm.so.6", RTLD_NOW);
    bool found = library && dlsym(library, "cos") && dlsym(RTLD_DEFAULT, "printf") &&
                 dlsym(RTLD_NEXT, "cuserid") && !dlsym(RTLD_DEFAULT, "cuckoo") &&
                 !dlsym(RTLD_DEFAULT, "") && !dlvsym(library, "cos", "CARVE_0");

    (void)dlerror();
    (void)printf("found %d error %d\n", found, dlerror() != NULL);
    return 0;
}

/* dlerror tells nothing after a lookup that went well, whatever we looked for ourselves meanwhile.
 */
static int error(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW);
    bool found;

    (void)dlsym(RTLD_DEFAULT, "nvmlInit_v2");
    found = handle && dlsym(handle, "cuMemAlloc_v2");
    (void)printf("found %d error %d\n", found, dlerror() != NULL);
    return 0;
}

/* dlvsym finds only symbols that have versions; NVIDIA's have none, those of versioned.c have. */
static int versioned(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW);
    void *found = handle ? dlvsym(handle, "cuMemAlloc_v2", "VERSIONED_1") : NULL;
    Dl_info info = {0};

    (void)printf("found %d other %d wrapped %d\n", found != NULL,
                 handle && dlvsym(handle, "cuMemAlloc_v2", "VERSIONED_2"),
                 found && dladdr(found, &info) != 0 && strstr(info.dli_fname, "libcarve"));
    return 0;
}

/* A second copy of the driver's library, opened by its path beside the first. */
static int second(const char *path)
{
    void *first = dlopen("libcuda.so.1", RTLD_NOW), *copy = dlopen(path, RTLD_NOW);
    struct driver d;

    if (!first || !copy || first == copy)
        return 1;
    driver_find(&d, by_dlsym, first);
    if (!driver_try(&d))
        return 1;
    (void)printf("own %d\n", dlsym(copy, "cuMemAlloc_v2") != dlsym(first, "cuMemAlloc_v2"));
    return 0;
}

int main(int argc, char **argv)
{
    const char *path = argc > 2 ? argv[2] : "libcuda.so.1";

    if (argc < 2)
        return 2;
    if (strcmp(argv[1], "absent") == 0)
        return absent();
    if (strcmp(argv[1], "other") == 0)
        return other();
    if (strcmp(argv[1], "error") == 0)
        return error(path);
    if (strcmp(argv[1], "second") == 0)
        return second(path);
    if (strcmp(argv[1], "versioned") == 0)
        return versioned(path);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(argv[1], ways[i].name) == 0)
            return try(&ways[i], path);
    return 2;
}
