/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slice as NVML shows it, to the programs of the slice: of its GPUs, the memory is the slice's
 * and the processes are the slice's. Indices, names, clocks and all other GPUs stay as they are, so
 * that what a program knows about the machine stays true. Each function asks the driver first and
 * keeps its errors; what cannot be told (no memory for a list) is given as the driver gave it, and
 * counted.
 */
#include <string.h>
#include <sys/mman.h>

#include "page/page_charge.h"
#include "page/page_process.h"
#include "page/page_slot.h"
#include "shim/attach.h"
#include "shim/hooks.h"

/* ---- which slice */

/* "GPU-0123abcd-..." or "MIG-...": 32 hex digits behind the first dash. */
static bool parse_uuid(uint8_t out[PAGE_UUID_SIZE], const char *text)
{
    const char *at = strchr(text, '-');
    unsigned n = 0;

    memset(out, 0, PAGE_UUID_SIZE);
    for (; at && *at && n < 2 * PAGE_UUID_SIZE; at++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, *at | 0x20);

        if (*at == '-')
            continue;
        if (!digit)
            return false;
        out[n / 2] = (uint8_t)(out[n / 2] << 4 | (digit - digits));
        n++;
    }
    return n == 2 * PAGE_UUID_SIZE;
}

/* The device's index in the page; -1: it is not the slice's, or there is no slice. */
static int device_of(nvmlDevice_t device)
{
    const struct shim *s = shim_get();
    nvmlReturn_t (*get)(nvmlDevice_t, char *, unsigned) = shim_nvml_symbol("nvmlDeviceGetUUID");
    char text[NVML_UUID_SIZE];
    uint8_t uuid[PAGE_UUID_SIZE];

    if (s->state != SHIM_ATTACHED || !get || get(device, text, sizeof text) != NVML_SUCCESS ||
        !parse_uuid(uuid, text))
        return -1;
    return attach_find(s->page, uuid);
}

static bool is_of_slice(const struct page *p, uint32_t ours, uint32_t pid)
{
    for (unsigned i = 0; i < page_slots(p); i++) {
        const struct page_slot *slot = &p->slots[i];

        if (slot->pid == pid && page_held(slot) && (uint32_t)slot->pid_namespace == ours)
            return true;
    }
    return false;
}

/* ---- memory */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, struct nvml_memory *out)
{
    nvmlReturn_t rc = REAL(nvmlDeviceGetMemoryInfo)(device, out);
    int index = rc == NVML_SUCCESS ? device_of(device) : -1;

    if (index >= 0) {
        const struct page *p = shim_get()->page;

        out->total = p->head.limits[index].limit_bytes;
        out->used = least(page_used(p, (unsigned)index), out->total);
        out->free = out->total - out->used;
    }
    return rc;
}

/* total = reserved + used + free holds; what the driver reserves is outside the slice. */
nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, struct nvml_memory_v2 *out)
{
    nvmlReturn_t rc = REAL(nvmlDeviceGetMemoryInfo_v2)(device, out);
    int index = rc == NVML_SUCCESS ? device_of(device) : -1;

    if (index >= 0) {
        const struct page *p = shim_get()->page;

        out->total = p->head.limits[index].limit_bytes;
        out->used = least(page_used(p, (unsigned)index), out->total);
        out->free = out->total - out->used;
        out->reserved = 0;
    }
    return rc;
}

/* ---- lists of processes */

enum {
    LIST_FIRST = 128, /* entries; a GPU with more processes is asked again */
    LIST_MAX = 1 << 16,
};

/* A list as the driver gave it. */
struct list {
    char *at;
    unsigned n, room;     /* room: of memory of our own, else 0 */
    size_t entry, pid_at; /* size of an entry, where its pid is */
};

static void list_free(struct list *l)
{
    if (l->at)
        (void)munmap(l->at, l->room * l->entry);
    l->at = NULL;
}

static bool list_make(struct list *l, unsigned room)
{
    void *at;

    list_free(l);
    if (room > LIST_MAX)
        return false;
    at = mmap(NULL, room * l->entry, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return false;
    l->at = at;
    l->n = l->room = room;
    return true;
}

/* Asks the driver for the whole list, however small the caller's array is. */
struct source {
    nvmlReturn_t (*ask)(struct source *self, void *at, unsigned *n);
    nvmlDevice_t device;
    unsigned hook;
    void *wish; /* the caller's struct */
};

/* NVML_SUCCESS, the driver's error, or NVML_ERROR_INSUFFICIENT_SIZE: it cannot be read. */
static nvmlReturn_t list_read(struct list *l, struct source *from)
{
    nvmlReturn_t rc = NVML_ERROR_INSUFFICIENT_SIZE;
    unsigned room = LIST_FIRST;

    for (unsigned try = 0; try < 4 && rc == NVML_ERROR_INSUFFICIENT_SIZE; try++) {
        if (!list_make(l, room))
            return NVML_ERROR_INSUFFICIENT_SIZE;
        rc = from->ask(from, l->at, &l->n);
        room = l->n > room ? l->n + LIST_FIRST : room * 2; /* some may come meanwhile */
    }
    if (l->n > l->room)
        l->n = l->room;
    return rc;
}

/* Keeps the processes of the slice. */
static void list_filter(struct list *l)
{
    const struct page *p = shim_get()->page;
    uint32_t ours = (uint32_t)page_self_namespace(); /* the half that tells the pid namespace */
    unsigned kept = 0;

    for (unsigned i = 0; i < l->n; i++) {
        uint32_t pid;

        memcpy(&pid, l->at + i * l->entry + l->pid_at, sizeof pid);
        if (is_of_slice(p, ours, pid))
            memmove(l->at + kept++ * l->entry, l->at + i * l->entry, l->entry);
    }
    l->n = kept;
}

/* As NVML answers: the count always, the entries if there is room for all. */
static nvmlReturn_t list_give(const struct list *l, void *out, unsigned *n)
{
    unsigned room = *n;

    *n = l->n;
    if (l->n > room || (l->n > 0 && !out))
        return NVML_ERROR_INSUFFICIENT_SIZE;
    if (l->n > 0)
        memcpy(out, l->at, l->n * l->entry);
    return NVML_SUCCESS;
}

/* The slice's part of a list. `n` says how much room there is in `out`, and then how many there
 * are. */
static nvmlReturn_t give(struct source *from, struct list *l, void *out, unsigned *n)
{
    nvmlReturn_t rc = list_read(l, from);

    if (rc == NVML_SUCCESS) {
        list_filter(l);
        rc = list_give(l, out, n);
    } else if (rc == NVML_ERROR_INSUFFICIENT_SIZE) {
        attach_note_uncounted();
        rc = from->ask(from, out, n);
    }
    list_free(l);
    return rc;
}

typedef nvmlReturn_t processes_fn(nvmlDevice_t device, unsigned *n, void *out);

static nvmlReturn_t ask_processes(struct source *self, void *at, unsigned *n)
{
    return ((processes_fn *)shim_real(self->hook))(self->device, n, at);
}

static nvmlReturn_t processes(unsigned hook, size_t entry, nvmlDevice_t device, unsigned *n,
                              void *out)
{
    struct source from = {.ask = ask_processes, .device = device, .hook = hook};
    struct list l = {.entry = entry};

    if (!n || device_of(device) < 0)
        return ask_processes(&from, out, n);
    return give(&from, &l, out, n);
}

#define PROCESSES(name, type)                                                                      \
    nvmlReturn_t name(nvmlDevice_t device, unsigned *n, struct type *out)                          \
    {                                                                                              \
        return processes(HOOK_##name, sizeof *out, device, n, out);                                \
    }

PROCESSES(nvmlDeviceGetComputeRunningProcesses, nvml_process_v1)
PROCESSES(nvmlDeviceGetComputeRunningProcesses_v2, nvml_process_v2)
PROCESSES(nvmlDeviceGetComputeRunningProcesses_v3, nvml_process_v2)
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses, nvml_process_v1)
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v2, nvml_process_v2)
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v3, nvml_process_v2)
PROCESSES(nvmlDeviceGetMPSComputeRunningProcesses, nvml_process_v1)
PROCESSES(nvmlDeviceGetMPSComputeRunningProcesses_v2, nvml_process_v2)
PROCESSES(nvmlDeviceGetMPSComputeRunningProcesses_v3, nvml_process_v2)

static nvmlReturn_t ask_details(struct source *self, void *at, unsigned *n)
{
    struct nvml_process_details wish = *(const struct nvml_process_details *)self->wish;
    nvmlReturn_t rc;

    wish.n = *n;
    wish.list = at;
    rc = REAL(nvmlDeviceGetRunningProcessDetailList)(self->device, &wish);
    *n = wish.n;
    return rc;
}

nvmlReturn_t nvmlDeviceGetRunningProcessDetailList(nvmlDevice_t device,
                                                   struct nvml_process_details *out)
{
    struct source from = {.ask = ask_details, .device = device, .wish = out};
    struct list l = {.entry = sizeof(struct nvml_process_detail)};

    if (!out || device_of(device) < 0)
        return REAL(nvmlDeviceGetRunningProcessDetailList)(device, out);
    return give(&from, &l, out->list, &out->n);
}

/* ---- samples of processes: asked for with a size that is enough for all, so cut in place */

static nvmlReturn_t keep_ours(nvmlReturn_t rc, nvmlDevice_t device, struct list *l, unsigned *n)
{
    if (rc != NVML_SUCCESS || !l->at || device_of(device) < 0)
        return rc;
    list_filter(l);
    *n = l->n;
    return l->n > 0 ? NVML_SUCCESS
                    : NVML_ERROR_NOT_FOUND; /* as the driver says when there are none */
}

nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, struct nvml_process_sample *out,
                                             unsigned *n, unsigned long long since)
{
    nvmlReturn_t rc = REAL(nvmlDeviceGetProcessUtilization)(device, out, n, since);
    struct list l = {.at = (char *)out, .n = n ? *n : 0, .entry = sizeof *out};

    return keep_ours(rc, device, &l, n);
}

nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(nvmlDevice_t device,
                                                   struct nvml_process_samples *out)
{
    nvmlReturn_t rc = REAL(nvmlDeviceGetProcessesUtilizationInfo)(device, out);
    struct list l = {.entry = sizeof *out->list,
                     .pid_at = offsetof(struct nvml_process_sample_v2, pid)};

    if (rc != NVML_SUCCESS || !out)
        return rc;
    l.at = (char *)out->list;
    l.n = out->n;
    return keep_ours(rc, device, &l, &out->n);
}

/* ---- the first call of a program that only looks */

static void note(void)
{
    (void)shim_get();
    attach_note_route(PAGE_ROUTE_NVML);
}

nvmlReturn_t nvmlInit(void)
{
    note();
    return REAL(nvmlInit)();
}

nvmlReturn_t nvmlInit_v2(void)
{
    note();
    return REAL(nvmlInit_v2)();
}

nvmlReturn_t nvmlInitWithFlags(unsigned flags)
{
    note();
    return REAL(nvmlInitWithFlags)(flags);
}
