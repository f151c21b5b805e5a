/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program that the demo starts with `carve run`: any program that asks CUDA for memory. Takes
 * so many GiB for each of its words, says what the driver answers, and then stays. Links nothing
 * but libc.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

struct driver {
    int (*init)(unsigned flags);
    int (*total)(size_t *out, int device);
    int (*retain)(void **out, int device);
    int (*set_current)(void *context);
    int (*alloc)(uint64_t *out, size_t size);
    int (*error_name)(int code, const char **out);
};

static int load(struct driver *d)
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    const struct {
        void **to;
        const char *name;
    } functions[] = {
        {(void **)&d->init, "cuInit"},
        {(void **)&d->total, "cuDeviceTotalMem_v2"},
        {(void **)&d->retain, "cuDevicePrimaryCtxRetain"},
        {(void **)&d->set_current, "cuCtxSetCurrent"},
        {(void **)&d->alloc, "cuMemAlloc_v2"},
        {(void **)&d->error_name, "cuGetErrorName"},
    };

    for (size_t i = 0; library && i < sizeof functions / sizeof *functions; i++) {
        *functions[i].to = dlsym(library, functions[i].name);
        if (!*functions[i].to)
            return -1;
    }
    return library ? 0 : -1;
}

static const char *answer(const struct driver *d, int code)
{
    const char *name = NULL;

    return d->error_name(code, &name) == 0 && name ? name : "an unknown code";
}

/* The first device that CUDA shows. */
static int open_device(const struct driver *d)
{
    void *context;
    size_t total;
    int code = d->init(0);

    if (code == 0)
        code = d->total(&total, 0);
    if (code != 0)
        return code;
    (void)printf("the GPU has %zu MiB\n", total >> 20);
    code = d->retain(&context, 0);
    return code == 0 ? d->set_current(context) : code;
}

/* The demo's own words: digits. */
static size_t gib(const char *digits)
{
    size_t number = 0;

    while (*digits >= '0' && *digits <= '9')
        number = number * 10 + (size_t)(*digits++ - '0');
    return number;
}

int main(int argc, char **argv)
{
    struct driver d;
    int code;

    if (load(&d) < 0) {
        (void)printf("%s\n", dlerror());
        return 1;
    }
    code = open_device(&d);
    if (code != 0) {
        (void)printf("no context: %s\n", answer(&d, code));
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        size_t size = gib(argv[i]);
        uint64_t address;

        code = d.alloc(&address, size << 30);
        (void)printf("cuMemAlloc of %zu GiB: %s\n", size, answer(&d, code));
    }
    (void)printf("holding\n");
    if (fflush(stdout) != 0)
        return 1;
    (void)pause();
    return 0;
}
