/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind our own dlsym, dlvsym and exec functions. The first step cannot be dlsym or
 * dlvsym, since these names lead to us: libc's dlvsym is read out of its table of symbols. No
 * function of libc is called before it is found: those of a sanitizer stand before it, and do not
 * work yet.
 */
#include "shim/next.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void *dlsym_fn(void *handle, const char *name);
typedef void *dlvsym_fn(void *handle, const char *name, const char *version);
typedef void *dlmopen_fn(long space, const char *path, int mode);

dlsym_fn *next_dlsym;
dlvsym_fn *next_dlvsym;
dlmopen_fn *next_dlmopen;

static bool is_same(const char *a, const char *b)
{
    for (; *a && *a == *b; a++)
        b++;
    return *a == *b;
}

static const char *base_of(const char *path)
{
    const char *base = path;

    for (; *path; path++)
        if (*path == '/')
            base = path + 1;
    return base;
}

/* What the linker has as a number. */
static void *at(ElfW(Addr) address)
{
    const union {
        ElfW(Addr) number;
        void *pointer;
    } same = {.number = address};

    return same.pointer;
}

/* A library's table of symbols, as its dynamic section tells. */
struct table {
    const ElfW(Sym) * symbols;
    const char *names;
    const uint16_t *versions;
    const uint32_t *hash; /* DT_GNU_HASH */
};

enum { VERSION_HIDDEN = 0x8000 };

static bool read_table(struct table *out, const struct link_map *map)
{
    *out = (struct table){0};
    for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_SYMTAB)
            out->symbols = at(d->d_un.d_ptr);
        else if (d->d_tag == DT_STRTAB)
            out->names = at(d->d_un.d_ptr);
        else if (d->d_tag == DT_VERSYM)
            out->versions = at(d->d_un.d_ptr);
        else if (d->d_tag == DT_GNU_HASH)
            out->hash = at(d->d_un.d_ptr);
    }
    return out->symbols && out->names && out->hash;
}

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 5381;

    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

static bool is_it(const struct table *t, uint32_t i, const char *name)
{
    const ElfW(Sym) *symbol = &t->symbols[i];

    return symbol->st_shndx != SHN_UNDEF && is_same(t->names + symbol->st_name, name) &&
           !(t->versions && (t->versions[i] & VERSION_HIDDEN));
}

/* The default version of a symbol. */
static void *find_in(const struct link_map *map, const char *name)
{
    struct table t;
    const uint32_t *buckets, *chain;
    uint32_t hash = hash_of(name), n_buckets, first, i;

    if (!read_table(&t, map))
        return NULL;
    n_buckets = t.hash[0];
    first = t.hash[1];
    /* header of four words, then the filter of address-sized words */
    buckets = t.hash + 4 + t.hash[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    chain = buckets + n_buckets;
    i = n_buckets ? buckets[hash % n_buckets] : 0;
    if (i < first)
        return NULL;
    for (;; i++) {
        uint32_t other = chain[i - first];

        if ((other | 1) == (hash | 1) && is_it(&t, i, name))
            return at(map->l_addr + t.symbols[i].st_value);
        if (other & 1)
            return NULL;
    }
}

/* In libc.so.6 since glibc 2.34, before in libdl.so.2. */
static dlvsym_fn *libc_dlvsym(void)
{
    for (const struct link_map *map = _r_debug.r_map; map; map = map->l_next) {
        const char *name = base_of(map->l_name);
        void *found = NULL;

        if (is_same(name, "libc.so.6") || is_same(name, "libdl.so.2"))
            found = find_in(map, "dlvsym");
        if (found)
            return (dlvsym_fn *)found;
    }
    return NULL;
}

static void *behind_us(dlvsym_fn *ask, const char *name)
{
    static const char *const versions[] = {"GLIBC_2.34", "GLIBC_2.17", "GLIBC_2.2.5",
                                           "GLIBC_2.3.4"};
    void *found = NULL;

    for (unsigned i = 0; i < sizeof versions / sizeof *versions && !found; i++)
        found = ask(RTLD_NEXT, name, versions[i]);
    return found;
}

static void *none(void)
{
    return NULL;
}

/* `none` where libc has no such function: one that finds nothing. */
static void set(void *slot, void *found)
{
    if (!found)
        found = (void *)none;
    __atomic_store_n((void **)slot, found, __ATOMIC_RELEASE);
}

void next_open(void)
{
    dlvsym_fn *ask = libc_dlvsym();

    set(&next_dlmopen, ask ? behind_us(ask, "dlmopen") : NULL);
    set(&next_dlvsym, ask ? behind_us(ask, "dlvsym") : NULL);
    set(&next_dlsym, ask ? behind_us(ask, "dlsym") : NULL);
}

void *next_find(const char *name)
{
    if (!__atomic_load_n(&next_dlsym, __ATOMIC_ACQUIRE))
        next_open();
    return next_dlsym(RTLD_NEXT, name);
}

/* Does the library's dynamic section have this entry with this text? */
static bool says(const struct link_map *map, ElfW(Sxword) tag, const char *text)
{
    const char *strings = NULL;

    for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++)
        if (d->d_tag == DT_STRTAB)
            strings = at(d->d_un.d_ptr);
    for (const ElfW(Dyn) *d = map->l_ld; strings && d->d_tag != DT_NULL; d++)
        if (d->d_tag == tag && is_same(strings + d->d_un.d_val, text))
            return true;
    return false;
}

bool next_is_named(const struct link_map *map, const char *soname)
{
    return says(map, DT_SONAME, soname);
}

bool next_needs(const char *soname)
{
    /* The kernel's own object needs nothing, so its table, which is not relocated, is not read. */
    for (const struct link_map *map = _r_debug.r_map; map; map = map->l_next)
        if (says(map, DT_NEEDED, soname))
            return true;
    return false;
}
