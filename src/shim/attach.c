/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slice of this process: its page is mapped and a slot taken at the first call of the driver,
 * not at load. The page stays mapped and no descriptor stays open, so nothing is lost to a program
 * that closes all of them. What says that we are attached lies in memory that the kernel empties in
 * a forked child, which so becomes a process of its own in the page, however it was forked; a child
 * of vfork shares its parent's.
 *
 * A slot is not given back at exit: the driver still holds the memory then. Whoever needs the room
 * finds the process dead once all is given back (page_reap).
 */
#include "shim/attach.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "page/page_file.h"
#include "page/page_slot.h"
#include "shim/hooks.h"
#include "shim/resolve.h"
#include "shim/setting.h"

_Thread_local unsigned shim_depth __attribute__((tls_model("initial-exec")));

enum { DEVICES_MAX = 64 }; /* that one process can see */

/* All zero in a new process, which is also how a mutex of glibc begins. */
struct state {
    atomic_bool ready; /* `shim` is filled in */
    pthread_mutex_t lock;
    struct shim shim;
    _Atomic int16_t devices[DEVICES_MAX]; /* 0: not asked yet; else the index + 2, so 1: none */
};

static struct state *_Atomic own;        /* emptied by fork */
const struct shim *_Atomic shim_now;     /* in it */
static struct page *_Atomic page;        /* outlives fork */
static _Atomic uint32_t routes;          /* all that were seen */
static _Atomic uint64_t early_strangers; /* seen before there was a slot */

static void empty_after_fork(void)
{
    memset((void *)own, 0, sizeof *own);
}

/* NULL: there is no memory. */
static struct state *make_state(void)
{
    struct state *nobody = NULL;
    void *at = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                    -1, 0);

    if (at == MAP_FAILED)
        return NULL;
    if (!atomic_compare_exchange_strong(&own, &nobody, (struct state *)at)) {
        (void)munmap(at, sizeof(struct state)); /* another thread was faster */
        return own;
    }
    if (madvise(at, sizeof(struct state), MADV_WIPEONFORK) != 0) /* a kernel that lacks it */
        (void)pthread_atfork(NULL, NULL, empty_after_fork);
    return own;
}

static uint64_t now_ns(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* NULL: the page cannot be had, or its claim is not granted. */
static struct page *map_page(void)
{
    struct page *p = page;

    if (!p && page_map(&p, setting_value(setting_get()->page)) == PAGE_SOUND)
        page = p;
    return p;
}

static void take_slot(struct shim *out)
{
    uint64_t start = now_ns();
    struct page *p = map_page();
    struct page_slot *slot;

    out->state = SHIM_BROKEN;
    if (!p || p->common.claim == PAGE_ASKING)
        return;
    slot = page_attach(p, PAGE_PROCESS);
    if (!slot)
        return;
    if (resolve_linked())
        routes |= PAGE_ROUTE_LINKED;
    slot->library = CARVE_VERSION_NUMBER;
    slot->routes = routes;
    slot->uncounted = early_strangers;
    slot->attach_ns = now_ns() - start;
    out->page = p;
    out->state = SHIM_ATTACHED;
    __atomic_store_n(&out->slot, slot, __ATOMIC_RELEASE); /* last: shim_slot reads it alone */
}

static const struct shim *attach(void)
{
    static const struct shim off = {.state = SHIM_OFF}, broken = {.state = SHIM_BROKEN};
    struct state *s = own ? own : make_state();
    struct shim_aside aside;

    if (!s)
        return setting_get()->named ? &broken : &off;
    aside = shim_aside_begin();
    (void)pthread_mutex_lock(&s->lock);
    if (!s->ready) {
        if (setting_get()->named)
            take_slot(&s->shim);
        s->ready = true;
        shim_now = &s->shim;
    }
    (void)pthread_mutex_unlock(&s->lock);
    shim_aside_end(&aside);
    return &s->shim;
}

const struct shim *shim_get(void)
{
    const struct state *s = atomic_load_explicit(&own, memory_order_acquire);

    if (s && atomic_load_explicit(&s->ready, memory_order_acquire))
        return &s->shim;
    return attach();
}

/* NULL: not attached, or not yet. */
static struct page_slot *slot_now(void)
{
    const struct state *s = own;

    return s && s->ready ? s->shim.slot : NULL;
}

void attach_note_route(uint32_t route)
{
    struct page_slot *slot = slot_now();

    if (!(routes & route))
        routes |= route;
    if (slot && !(slot->routes & route))
        slot->routes |= route;
}

void attach_note_uncounted(void)
{
    struct page_slot *slot = slot_now();

    if (slot)
        slot->uncounted++;
    else
        early_strangers++;
}

/* May run in a child of vfork: no memory of the heap, and what is mapped goes again. */
void attach_note_unattached(int delta)
{
    struct page *p = page, *mapped = NULL;
    struct shim_aside aside = shim_aside_begin();

    if (!p && page_map(&mapped, setting_value(setting_get()->page)) == PAGE_SOUND)
        p = mapped;
    if (p)
        (void)atomic_fetch_add(&p->common.unattached, (uint32_t)delta);
    page_unmap(mapped);
    shim_aside_end(&aside);
}

/* ---- devices */

int attach_find(const struct page *p, const uint8_t uuid[PAGE_UUID_SIZE])
{
    for (unsigned i = 0; i < p->head.n_devices && i < PAGE_DEVICES; i++) {
        if (memcmp(p->head.limits[i].uuid, uuid, PAGE_UUID_SIZE) == 0)
            return (int)i;
    }
    return -1;
}

/* 0 or the driver's error. Drivers before 11.4 have no MIG-aware form. */
static CUresult ask_uuid(struct cuda_uuid *out, CUdevice device)
{
    CUresult (*get)(struct cuda_uuid *, CUdevice) = shim_driver_symbol("cuDeviceGetUuid_v2");

    if (!get)
        get = shim_driver_symbol("cuDeviceGetUuid");
    return get ? get(out, device) : CUDA_ERROR_NOT_SUPPORTED;
}

int shim_device(CUdevice device)
{
    const struct shim *s = shim_get();
    struct cuda_uuid uuid;
    int index;

    if (s->state != SHIM_ATTACHED || device < 0 || device >= DEVICES_MAX)
        return -1;
    index = atomic_load_explicit(&own->devices[device], memory_order_relaxed) - 2;
    if (index >= -1)
        return index;
    if (ask_uuid(&uuid, device) != CUDA_SUCCESS)
        return -1; /* the driver is not up yet, or there is no such device: ask again */
    index = attach_find(s->page, uuid.bytes);
    own->devices[device] = (int16_t)(index + 2);
    return index;
}

typedef CUresult get_device_fn(CUdevice *out);

int shim_current_device(CUresult *out_rc)
{
    static get_device_fn *_Atomic known;
    get_device_fn *get = known;
    CUdevice device;

    if (!get) {
        get = (get_device_fn *)shim_driver_symbol("cuCtxGetDevice");
        known = get;
    }
    *out_rc = get ? get(&device) : CUDA_ERROR_NOT_SUPPORTED;
    return *out_rc == CUDA_SUCCESS ? shim_device(device) : -1;
}

/* ---- the first call of a program that computes */

CUresult cuInit(unsigned flags)
{
    (void)shim_get();
    return REAL(cuInit)(flags);
}
