/* SPDX-License-Identifier: Apache-2.0 */
/* DT_SONAME from a library made here, cut at every byte, and with every byte changed. */
#include "agent/soname.h"

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

/* A library as small as one can be: the string table is loaded at 0x1000 from offset `strings`. */
struct library {
    Elf64_Ehdr head;
    Elf64_Phdr load;
    Elf64_Phdr dynamic;
    Elf64_Dyn entries[3];
    char strings[32];
};

static struct library make(const char *soname)
{
    struct library l = {
        .head = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB},
                 .e_phoff = offsetof(struct library, load),
                 .e_phnum = 2,
                 .e_phentsize = sizeof(Elf64_Phdr)},
        .load = {.p_type = PT_LOAD,
                 .p_offset = offsetof(struct library, strings),
                 .p_vaddr = 0x1000,
                 .p_filesz = sizeof l.strings},
        .dynamic = {.p_type = PT_DYNAMIC,
                    .p_offset = offsetof(struct library, entries),
                    .p_filesz = sizeof l.entries},
        .entries = {{.d_tag = DT_SONAME, .d_un.d_val = 1},
                    {.d_tag = DT_STRTAB, .d_un.d_ptr = 0x1000},
                    {.d_tag = DT_NULL}},
    };

    memcpy(l.strings + 1, soname, strlen(soname) + 1);
    return l;
}

static const char *find(char buffer[SONAME_SIZE], const struct library *l)
{
    return soname_find(buffer, (const unsigned char *)l, sizeof *l);
}

static void finds_the_name(void **state)
{
    struct library l = make("libcuda.so.1");
    char buffer[SONAME_SIZE];

    (void)state;
    assert_string_equal(find(buffer, &l), "libcuda.so.1");
}

static void a_real_library(void **state)
{
    char buffer[SONAME_SIZE];

    (void)state;
    assert_null(soname_read(buffer, "/proc/self/exe"));
    assert_null(soname_read(buffer, "/nowhere"));
    assert_null(soname_read(buffer, "/"));
}

static void refuses_what_leads_elsewhere(void **state)
{
    char buffer[SONAME_SIZE];
    struct library l = make("../etc");

    (void)state;
    assert_null(find(buffer, &l));
    l = make("");
    assert_null(find(buffer, &l));
    l = make("libcuda.so.1");
    l.entries[0].d_un.d_val = UINT64_MAX;
    assert_null(find(buffer, &l));
    l = make("libcuda.so.1");
    l.entries[1].d_un.d_ptr = 0x1000 + sizeof l.strings;
    assert_null(find(buffer, &l));
    l = make("libcuda.so.1");
    l.head.e_phoff = UINT64_MAX - 8;
    assert_null(find(buffer, &l));
    l = make("libcuda.so.1");
    l.dynamic.p_offset = UINT64_MAX - 8;
    assert_null(find(buffer, &l));
    l = make("libcuda.so.1");
    memset(l.strings + 1, 'x', sizeof l.strings - 1);
    assert_null(find(buffer, &l));
}

/* Nothing is read outside: ASan watches a copy of exactly the size. */
static void survives_every_cut_and_every_change(void **state)
{
    struct library l = make("libcuda.so.1");
    char buffer[SONAME_SIZE];

    (void)state;
    for (size_t size = 0; size < sizeof l; size++) {
        unsigned char *copy = malloc(size + 1);

        assert_non_null(copy);
        memcpy(copy, &l, size);
        (void)soname_find(buffer, copy, size);
        free(copy);
    }
    for (size_t at = 0; at < sizeof l; at++) {
        unsigned char *copy = malloc(sizeof l);

        assert_non_null(copy);
        for (unsigned bits = 1; bits < 256; bits <<= 1) {
            memcpy(copy, &l, sizeof l);
            copy[at] = (unsigned char)(copy[at] ^ bits);
            (void)soname_find(buffer, copy, sizeof l);
        }
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_name),
        cmocka_unit_test(a_real_library),
        cmocka_unit_test(refuses_what_leads_elsewhere),
        cmocka_unit_test(survives_every_cut_and_every_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
