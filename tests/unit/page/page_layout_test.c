/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout table of docs/page-format.md is the one of page.h. The table is written here from the
 * header; the document must have it, line for line.
 * usage: page_layout_test DOCUMENT        (PAGE_LAYOUT_PRINT=1 prints the table)
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "page/page.h"

struct field {
    const char *part, *name;
    size_t offset, size;
};

#define FIELD(type, field)                                                                         \
    {                                                                                              \
#type, #field, offsetof(struct type, field), sizeof(((struct type *)NULL)->field)          \
    }
#define PART(type)                                                                                 \
    {                                                                                              \
#type, "", 0, sizeof(struct type)                                                          \
    }

static const struct field fields[] = {
    PART(page),
    FIELD(page, head),
    FIELD(page, common),
    FIELD(page, slots),
    PART(page_head),
    FIELD(page_head, magic),
    FIELD(page_head, major),
    FIELD(page_head, minor),
    FIELD(page_head, slots_offset),
    FIELD(page_head, slot_size),
    FIELD(page_head, n_slots),
    FIELD(page_head, size),
    FIELD(page_head, uid),
    FIELD(page_head, n_devices),
    FIELD(page_head, id),
    FIELD(page_head, made_ns),
    FIELD(page_head, flags),
    FIELD(page_head, reserved),
    FIELD(page_head, name),
    FIELD(page_head, limits),
    FIELD(page_head, seal),
    PART(page_limit),
    FIELD(page_limit, uuid),
    FIELD(page_limit, limit_bytes),
    FIELD(page_limit, total_bytes),
    FIELD(page_limit, context_bytes),
    PART(page_common),
    FIELD(page_common, claim),
    FIELD(page_common, bell),
    FIELD(page_common, slots_high),
    FIELD(page_common, unattached),
    FIELD(page_common, turned_away),
    FIELD(page_common, reserved),
    PART(page_slot),
    FIELD(page_slot, owner),
    FIELD(page_slot, pid_namespace),
    FIELD(page_slot, pid),
    FIELD(page_slot, kind),
    FIELD(page_slot, routes),
    FIELD(page_slot, library),
    FIELD(page_slot, command),
    FIELD(page_slot, attach_ns),
    FIELD(page_slot, launches),
    FIELD(page_slot, allocations),
    FIELD(page_slot, frees),
    FIELD(page_slot, uncounted),
    FIELD(page_slot, reserved),
    FIELD(page_slot, use),
    PART(page_use),
    FIELD(page_use, tracked_bytes),
    FIELD(page_use, asking_bytes),
    FIELD(page_use, managed_bytes),
    FIELD(page_use, overhead_bytes),
    FIELD(page_use, contexts),
    FIELD(page_use, measure_asked),
    FIELD(page_use, measured),
    FIELD(page_use, refused),
    FIELD(page_use, refused_bytes),
    FIELD(page_use, changing),
};
enum { N_FIELDS = sizeof fields / sizeof fields[0] };

static void line_of(char out[160], const struct field *f)
{
    if (*f->name)
        (void)snprintf(out, 160, "| `%s` | %zu | %zu |", f->name, f->offset, f->size);
    else
        (void)snprintf(out, 160, "| **%s** | | %zu |", f->part, f->size);
}

/* Each line follows the one before, so that none can be of another part. */
static void the_document_has_the_layout_of_the_header(void **state)
{
    const char *at = *state;
    char line[160];

    for (unsigned i = 0; at && i < N_FIELDS; i++) {
        line_of(line, &fields[i]);
        at = strstr(at, line);
        if (!at)
            fail_msg("the document has no line '%s' where it belongs", line);
        at += strlen(line);
    }
}

/* Every byte of a part is told, but for the gaps that align what follows. */
static void every_byte_is_in_the_table(void **state)
{
    size_t end = 0, size = 0;

    (void)state;
    for (unsigned i = 0; i < N_FIELDS; i++) {
        const struct field *f = &fields[i];

        if (*f->name) {
            assert_true(f->offset >= end && f->offset - end < 64);
            end = f->offset + f->size;
        } else {
            assert_true(i == 0 || size - end < 64);
            end = 0;
            size = f->size;
        }
    }
}

static char *read_document(const char *path)
{
    enum { MOST = 1 << 20 };
    FILE *file = fopen(path, "re");
    char *text = calloc(1, MOST);

    if (file && text)
        (void)!fread(text, 1, MOST - 1, file);
    if (file)
        (void)fclose(file);
    return text;
}

int main(int argc, char **argv)
{
    char *text = argc == 2 ? read_document(argv[1]) : NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(the_document_has_the_layout_of_the_header, text),
        cmocka_unit_test(every_byte_is_in_the_table),
    };
    char line[160];
    int failed;

    if (secure_getenv("PAGE_LAYOUT_PRINT"))
        for (unsigned i = 0; i < N_FIELDS; i++) {
            line_of(line, &fields[i]);
            (void)puts(line);
        }
    if (!text)
        return 2;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(text);
    return failed;
}
