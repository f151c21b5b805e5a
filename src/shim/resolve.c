/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts our wrappers where the driver's functions would be found. Whoever is asked first answers as
 * it always does; then, if the answer is the address of a wrapped function, the wrapper of just
 * that function is given instead. So version, stream mode and status are the driver's own. Without
 * the driver its names are not found, as without us.
 *
 * Takes no lock and allocates nothing: racing threads write the same addresses to the same places.
 */
#include "shim/resolve.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "shim/attach.h"
#include "shim/glibc.h"
#include "shim/hooks.h"
#include "shim/next.h"

GLIBC_OLD(dlopen, GLIBC_FIRST);
GLIBC_OLD(dlerror, GLIBC_FIRST);

#define HOOK_NAME(name) #name,
static const char *const names[HOOKS] = {HOOKS_CUDA(HOOK_NAME) HOOKS_NVML(HOOK_NAME)};
#undef HOOK_NAME

#define HOOK_WRAPPER(name) (void *)(name),
static void *const wrappers[HOOKS] = {HOOKS_CUDA(HOOK_WRAPPER) HOOKS_NVML(HOOK_WRAPPER)};
#undef HOOK_WRAPPER

/* A library of the driver. Once found it stays loaded. */
struct library {
    const char *soname;
    unsigned first, end; /* its hooks */
    _Atomic(void *) handle;
    atomic_bool ready; /* `driver` and `shim_known` are filled in */
};

enum { LIBRARIES = 2 };
static struct library libraries[LIBRARIES] = {
    {.soname = "libcuda.so.1", .first = 0, .end = HOOKS_NVML_FIRST},
    {.soname = "libnvidia-ml.so.1", .first = HOOKS_NVML_FIRST, .end = HOOKS},
};

static _Atomic(void *) driver[HOOKS]; /* the driver's own */
void *_Atomic
    shim_known[HOOKS]; /* of a library preloaded behind us that wraps it too; or the driver's */

/* ---- the driver's functions */

static void *find_behind(const char *name, void *own)
{
    void *found = next_find(name);

    return found ? found : own;
}

static void fill(struct library *l, void *handle)
{
    for (unsigned id = l->first; id < l->end; id++) {
        void *own = next_libc_dlsym(handle, names[id]);

        driver[id] = own;
        shim_known[id] = own ? find_behind(names[id], own) : NULL;
    }
    l->handle = handle;
    l->ready = true;
}

/* Is the library there? Looks only for one that is loaded already, unless `open`. */
static bool have(struct library *l, bool open)
{
    void *handle;

    if (atomic_load_explicit(&l->ready, memory_order_acquire))
        return true;
    if (!__atomic_load_n(&next_libc_dlsym, __ATOMIC_ACQUIRE))
        next_open();
    handle = dlopen(l->soname, RTLD_LAZY | RTLD_NOLOAD);
    if (!handle && open)
        handle = dlopen(l->soname, RTLD_LAZY);
    if (handle)
        fill(l, handle);
    (void)dlerror(); /* what this driver lacks is nobody else's error */
    return handle;
}

static struct library *library_of(unsigned id)
{
    return &libraries[id >= HOOKS_NVML_FIRST];
}

static CUresult no_cuda(void)
{
    return CUDA_ERROR_NOT_SUPPORTED;
}

static nvmlReturn_t no_nvml(void)
{
    return NVML_ERROR_FUNCTION_NOT_FOUND;
}

void *shim_real(unsigned id)
{
    void *real;

    if (!have(library_of(id), true))
        return id < HOOKS_NVML_FIRST ? (void *)no_cuda : (void *)no_nvml;
    /* A call from a library behind us, or from the driver, goes on to the driver. */
    real = shim_depth == 0 ? shim_known[id] : driver[id];
    if (!real)
        return id < HOOKS_NVML_FIRST ? (void *)no_cuda : (void *)no_nvml;
    return real;
}

static void *find_in(struct library *l, const char *name)
{
    void *found = have(l, true) ? next_libc_dlsym(l->handle, name) : NULL;

    if (!found)
        (void)dlerror();
    return found;
}

void *shim_driver_symbol(const char *name)
{
    return find_in(&libraries[0], name);
}

void *shim_nvml_symbol(const char *name)
{
    return find_in(&libraries[1], name);
}

/* ---- lookups */

void *resolve_wrapped(void *address)
{
    for (unsigned id = 0; id < HOOKS; id++) {
        if (address && driver[id] == address)
            return wrappers[id];
    }
    return address;
}

/* HOOKS: none of ours. */
static unsigned id_of_wrapper(const void *address)
{
    unsigned id = 0;

    while (id < HOOKS && wrappers[id] != address)
        id++;
    return id;
}

static unsigned id_of_name(const char *name)
{
    unsigned id = 0;

    while (id < HOOKS && strcmp(names[id], name) != 0)
        id++;
    return id;
}

static struct resolve_answer answer(void *symbol)
{
    return (struct resolve_answer){.symbol = symbol, .given = 1};
}

static void *ask(void *handle, const char *name, const char *version)
{
    return version ? next_libc_dlvsym(handle, name, version) : next_libc_dlsym(handle, name);
}

/* Not found: libc says so in its own words, since behind us nobody has it either. */
static struct resolve_answer absent(const char *name, const char *version)
{
    return answer(ask(RTLD_NEXT, name, version));
}

/* What comes after who asks: before us stand others, and us; behind us we stand in for the driver.
 */
static struct resolve_answer resolve_next(unsigned id, const char *name, const char *version,
                                          const void *caller)
{
    if (!driver[id])
        return absent(name, version);
    attach_note_route(PAGE_ROUTE_DLSYM);
    if (next_is_before_us(caller))
        return (struct resolve_answer){0};
    if (next_library_at(shim_known[id]) ==
        next_library_at(caller)) /* we go on to it: only the driver is left */
        return answer(driver[id]);
    return answer(wrappers[id]);
}

/* A wrapped function that comes neither from us nor from the driver that we know, but from another
   copy of it: past us, and counted as that. */
static void note_stranger(const void *symbol, const char *name)
{
    const struct link_map *map;

    if (id_of_name(name) == HOOKS)
        return;
    map = next_library_at(symbol);
    if (map && (next_is_named(map, libraries[0].soname) || next_is_named(map, libraries[1].soname)))
        attach_note_uncounted();
}

static struct resolve_answer resolve_found(void *found, const char *name, const char *version)
{
    unsigned id = id_of_wrapper(found);
    void *wrapped;

    if (id < HOOKS)
        return driver[id] ? answer(found) : absent(name, version);
    wrapped = resolve_wrapped(found);
    if (wrapped == found)
        note_stranger(found, name);
    return answer(wrapped);
}

static struct resolve_answer look_up(void *handle, const char *name, const char *version,
                                     const void *caller)
{
    void *found;

    (void)have(&libraries[name[0] == 'n'], false);
    if (handle == RTLD_NEXT || handle == RTLD_DEFAULT) {
        unsigned id = id_of_name(name);

        if (id == HOOKS)
            return (struct resolve_answer){0}; /* depends on who asks, which libc can see */
        if (handle == RTLD_NEXT)
            return resolve_next(id, name, version, caller);
    }
    found = ask(handle, name, version);
    return found ? resolve_found(found, name, version) : answer(NULL);
}

struct resolve_answer resolve_symbol(void *handle, const char *name, const char *version,
                                     const void *caller)
{
    int saved = errno;
    struct resolve_answer a = look_up(handle, name, version, caller);

    if (a.symbol && id_of_wrapper(a.symbol) < HOOKS)
        attach_note_route(PAGE_ROUTE_DLSYM);
    errno = saved;
    return a;
}

int resolve_linked(void)
{
    return next_needs(libraries[0].soname) || next_needs(libraries[1].soname);
}

void resolve_dlmopen(long space)
{
    int saved = errno;

    if (space != LM_ID_BASE && shim_get()->state == SHIM_ATTACHED)
        attach_note_route(PAGE_ROUTE_DLMOPEN);
    errno = saved;
}

/* ---- the driver's own lookup */

static CUresult replaced(CUresult rc, void **out)
{
    if (rc == CUDA_SUCCESS && out && *out) {
        void *wrapped = resolve_wrapped(*out);

        if (wrapped != *out) {
            *out = wrapped;
            attach_note_route(PAGE_ROUTE_PROC_ADDRESS);
        }
    }
    return rc;
}

CUresult cuGetProcAddress(const char *symbol, void **out, int version, uint64_t flags)
{
    return replaced(REAL(cuGetProcAddress)(symbol, out, version, flags), out);
}

CUresult cuGetProcAddress_v2(const char *symbol, void **out, int version, uint64_t flags,
                             int *out_status)
{
    return replaced(REAL(cuGetProcAddress_v2)(symbol, out, version, flags, out_status), out);
}
