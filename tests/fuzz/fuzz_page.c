/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a page, and as its name. First byte, bit 0: the head is made sound where that
 * is easy, so that what lies behind is reached. No sum overflows, and no charge passes the limit.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "page/page_charge.h"
#include "page/page_file.h"
#include "page/page_slot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_sound(struct page *p)
{
    p->head.magic = 0x3145474150564143ull;
    p->head.major = PAGE_MAJOR;
    p->head.slots_offset = offsetof(struct page, slots);
    p->head.slot_size = sizeof(struct page_slot);
    p->head.n_slots = PAGE_SLOTS;
    p->head.size = sizeof *p;
    p->head.seal = page_seal(&p->head);
}

static void charge(struct page *p, unsigned device)
{
    uint64_t limit = p->head.limits[device].limit_bytes, before = page_used(p, device);

    if (limit > p->head.limits[device].total_bytes)
        abort();
    for (uint64_t bytes = 1; bytes <= 1ull << 50; bytes <<= 10) {
        struct page_slot *slot = &p->slots[0];
        uint64_t had = slot->use[device].tracked_bytes;

        if (!page_try(p, slot, device, bytes))
            continue;
        if (page_used(p, device) > limit || page_used(p, device) < before)
            abort();
        page_release(slot, device, bytes);
        if (page_used(p, device) != before || slot->use[device].tracked_bytes != had)
            abort();
    }
}

static void read_name(const uint8_t *data, size_t size)
{
    char name[64] = "";
    uint32_t uid;
    uint64_t id;

    memcpy(name, data, size < sizeof name - 1 ? size : sizeof name - 1);
    (void)page_name(&uid, &id, name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct page page;
    enum page_fault fault;

    if (size == 0 || size - 1 > sizeof page)
        return 0;
    read_name(data, size);
    memset(&page, 0, sizeof page);
    memcpy((void *)&page, data + 1, size - 1);
    if (data[0] & 1)
        make_sound(&page);
    fault = page_check(&page, sizeof page);
    if (!page_fault_words(fault) || page_check(&page, sizeof page - 1) == PAGE_SOUND)
        abort();
    if (fault != PAGE_SOUND)
        return 0;
    if (page_held(&page.slots[0]) && page_slots(&page) > 0)
        for (unsigned i = 0; i < page.head.n_devices; i++)
            charge(&page, i);
    (void)page_owners(&page);
    return 0;
}
