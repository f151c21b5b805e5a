/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages for the tests: `page make FOLDER CONTEXT UUID LIMIT ...` makes a granted page, prints its
 * path, and keeps it until its input ends; `page show PATH` prints one as JSON.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "page/page_file.h"
#include "page/page_slot.h"

static const uint64_t DEVICE_BYTES = 1ull << 40; /* above any GPU: the limits decide */

static bool parse_uuid(uint8_t out[PAGE_UUID_SIZE], const char *text)
{
    unsigned n = 0;

    for (const char *at = strchr(text, '-'); at && *at && n < 2 * PAGE_UUID_SIZE; at++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, *at);

        if (*at == '-')
            continue;
        if (!digit)
            return false;
        out[n / 2] = (uint8_t)(out[n / 2] << 4 | (digit - digits));
        n++;
    }
    return n == 2 * PAGE_UUID_SIZE;
}

static int make(int argc, char **argv)
{
    struct page_wish wish = {.name = "test"};
    char path[PAGE_PATH_SIZE], byte;
    uint64_t context = 0;
    struct page *p;

    if (argc < 6 || !text_uint(&context, argv[3], UINT64_MAX))
        return 2;
    for (int i = 4; i + 1 < argc && wish.n_devices < PAGE_DEVICES; i += 2) {
        struct page_limit *limit = &wish.limits[wish.n_devices++];

        limit->total_bytes = DEVICE_BYTES;
        limit->context_bytes = context;
        if (!parse_uuid(limit->uuid, argv[i]) ||
            !text_uint(&limit->limit_bytes, argv[i + 1], DEVICE_BYTES))
            return 2;
    }
    if (page_make(&p, path, argv[2], &wish) != 0)
        return 1;
    p->common.claim = PAGE_GRANTED;
    (void)printf("%s\n", path);
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    page_unmap(p);
    return 0;
}

static void show_use(const struct page_use *use)
{
    (void)printf("{\"tracked\": %" PRIu64 ", \"asking\": %" PRIu64 ", \"managed\": %" PRIu64
                 ", \"overhead\": %" PRId64
                 ", \"contexts\": %u, \"refused\": %u, \"changing\": %u, \"changed\": %u}",
                 use->tracked_bytes, use->asking_bytes, use->managed_bytes, use->overhead_bytes,
                 use->contexts, use->refused, (uint32_t)use->changing,
                 (uint32_t)(use->changing >> 32));
}

static void show_slot(const struct page *p, const struct page_slot *slot)
{
    (void)printf(
        "{\"pid\": %u, \"routes\": %u, \"library\": %u, \"command\": \"%s\", \"attachNs\": %" PRIu64
        ", \"launches\": %" PRIu64 ", \"allocations\": %" PRIu64 ", \"frees\": %" PRIu64
        ", \"uncounted\": %" PRIu64 ", \"alive\": %s, \"use\": [",
        slot->pid, slot->routes, slot->library, slot->command, slot->attach_ns, slot->launches,
        slot->allocations, slot->frees, slot->uncounted,
        page_life(slot) == PAGE_DEAD ? "false" : "true");
    for (unsigned i = 0; i < p->head.n_devices; i++) {
        (void)printf("%s", i ? ", " : "");
        show_use(&slot->use[i]);
    }
    (void)printf("]}");
}

static int show(const char *path)
{
    static struct page p;
    const char *comma = "";
    uint32_t uid;
    enum page_fault fault = page_read(&p, path, &uid);

    if (fault != PAGE_SOUND) {
        (void)fprintf(stderr, "'%s' %s\n", path, page_fault_words(fault));
        return 1;
    }
    (void)printf("{\"claim\": %u, \"unattached\": %u, \"turnedAway\": %u, \"processes\": [",
                 p.common.claim, p.common.unattached, p.common.turned_away);
    for (unsigned i = 0; i < page_slots(&p); i++) {
        const struct page_slot *slot = &p.slots[i];

        if (!page_held(slot) || slot->kind != PAGE_PROCESS)
            continue;
        (void)printf("%s", comma);
        show_slot(&p, slot);
        comma = ", ";
    }
    (void)printf("]}\n");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 6 && strcmp(argv[1], "make") == 0)
        return make(argc, argv);
    if (argc == 3 && strcmp(argv[1], "show") == 0)
        return show(argv[2]);
    return 2;
}
