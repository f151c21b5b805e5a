/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the pages of the ledger into values. See slices.h; the driver's part is in
 * slices_measure.c. */
#include "cli/slices.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "page/page_charge.h"

struct reading {
    struct slices *to;
    bool out_of_memory;
};

void slices_free(struct slices *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++)
        free(s->items[i].processes);
    free(s->items);
    free(s->outside);
    free(s);
}

static void read_process(struct slices_process *to, const struct page_slot *slot,
                         unsigned n_devices)
{
    *to = (struct slices_process){
        .inside_pid = slot->pid,
        .here = slot->pid_namespace == page_self_namespace(),
        .kind = slot->kind == PAGE_RUN ? PAGE_RUN : PAGE_PROCESS,
        .routes = slot->routes,
        .library = slot->library,
    };
    memcpy(to->command, slot->command, PAGE_COMMAND_SIZE);
    to->pid = to->here ? to->inside_pid : 0;
    for (unsigned i = 0; i < n_devices; i++) {
        to->used_bytes[i] = page_slot_used(slot, i);
        to->measured[i] = slot->use[i].measured == slot->use[i].measure_asked;
    }
}

static void read_use(struct slices_item *to, const struct page_slot *slot)
{
    for (unsigned i = 0; i < to->head.n_devices; i++) {
        const struct page_use *use = &slot->use[i];

        to->used_bytes[i] += page_slot_used(slot, i);
        to->refused[i] += use->refused;
        if (use->refused > 0)
            to->refused_bytes[i] = use->refused_bytes;
    }
}

static int read_slots(struct slices_item *to, const struct page *p)
{
    unsigned n = page_slots(p);

    to->processes = calloc(n > 0 ? n : 1, sizeof *to->processes);
    if (!to->processes)
        return -ENOMEM;
    for (unsigned i = 0; i < n; i++) {
        const struct page_slot *slot = &p->slots[i];

        if (!page_held(slot) || page_life(slot) == PAGE_DEAD)
            continue;
        read_process(&to->processes[to->n_processes++], slot, to->head.n_devices);
        read_use(to, slot);
    }
    return 0;
}

static int read_item(struct slices_item *to, const struct claim *c)
{
    *to = (struct slices_item){.fault = c->fault, .uid = c->uid, .alive = c->alive};
    (void)TEXT_COPY(to->path, c->path);
    if (c->fault != PAGE_SOUND)
        return 0;
    to->head = c->page.head;
    to->claim = (enum page_claim)c->page.common.claim;
    to->unattached = c->page.common.unattached;
    to->turned_away = c->page.common.turned_away;
    return read_slots(to, &c->page);
}

static bool on_claim(void *self, const struct claim *c)
{
    struct reading *r = self;
    struct slices *s = r->to;

    if ((s->count & (s->count - 1)) == 0) { /* room doubles */
        size_t room = s->count == 0 ? 1 : 2 * s->count;
        struct slices_item *more = realloc(s->items, room * sizeof *more);

        r->out_of_memory = !more;
        if (!more)
            return false;
        s->items = more;
    }
    r->out_of_memory = read_item(&s->items[s->count], c) < 0;
    s->count += !r->out_of_memory;
    return !r->out_of_memory; /* the walk ends at CLAIMS_MAX */
}

int slices_read(struct slices **out, const char *folder, struct err *e)
{
    OWN(slices_freep) struct slices *s = calloc(1, sizeof *s);
    struct reading r = {.to = s};
    int code;

    if (!s)
        return err_memory(e);
    code = claim_walk(folder, on_claim, &r);
    if (r.out_of_memory)
        return err_memory(e);
    if (code == -EOVERFLOW)
        return err_set(
            e, EOVERFLOW,
            "'%s' holds more files than a ledger can (%d slices, %d of yours, %d files in "
            "all); take away those that are not needed, or name another folder in "
            "CARVE_PAGES",
            folder, CLAIMS_MAX, CLAIMS_OF_USER, CLAIM_ENTRIES);
    if (code < 0 && code != -ENOENT)
        return err_errno(e, -code, "read the slices in '%s'", folder);
    *out = TAKE(s);
    return 0;
}

int slices_on(const struct slices_item *item, const uint8_t uuid[PAGE_UUID_SIZE])
{
    for (unsigned i = 0; i < item->head.n_devices; i++)
        if (memcmp(item->head.limits[i].uuid, uuid, PAGE_UUID_SIZE) == 0)
            return (int)i;
    return -1;
}

bool slices_claims(const struct slices_item *item, const uint8_t uuid[PAGE_UUID_SIZE],
                   uint64_t total_bytes)
{
    int device = item->alive && item->claim != PAGE_WAITING ? slices_on(item, uuid) : -1;

    return device >= 0 && item->head.limits[device].limit_bytes <= total_bytes;
}

/* Cannot overflow: at most CLAIMS_MAX times what a device has. */
uint64_t slices_promised(const struct slices *s, const uint8_t uuid[PAGE_UUID_SIZE],
                         uint64_t total_bytes)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < s->count; i++)
        if (slices_claims(&s->items[i], uuid, total_bytes))
            sum += s->items[i].head.limits[slices_on(&s->items[i], uuid)].limit_bytes;
    return sum;
}

uint64_t slices_outside_bytes(const struct slices *s, size_t device)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < s->n_outside; i++)
        sum += s->outside[i].device == device ? s->outside[i].bytes : 0;
    return sum;
}
