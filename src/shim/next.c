/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind our own dlsym, dlvsym and exec functions. The first step cannot be dlsym or
 * dlvsym, since these names lead to us: libc's are read out of its table of symbols. No function of
 * libc is called before they are found: those of a sanitizer stand before them, and do not work
 * yet.
 */
#include "shim/next.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/glibc.h"

GLIBC_OLD(dladdr1, GLIBC_DLADDR1);

typedef void *dlsym_fn(void *handle, const char *name);
typedef void *dlvsym_fn(void *handle, const char *name, const char *version);
typedef void *dlmopen_fn(long space, const char *path, int mode);

dlsym_fn *next_dlsym, *next_libc_dlsym;
dlvsym_fn *next_dlvsym, *next_libc_dlvsym;
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

/* In libc.so.6 since glibc 2.34, before in libdl.so.2, which we are linked with for that. */
static void *libc_function(const char *name)
{
    for (const struct link_map *map = _r_debug.r_map; map; map = map->l_next) {
        const char *base = base_of(map->l_name);
        void *found = NULL;

        if (is_same(base, "libc.so.6") || is_same(base, "libdl.so.2"))
            found = find_in(map, name);
        if (found)
            return found;
    }
    return NULL;
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
    dlsym_fn *ask = (dlsym_fn *)libc_function("dlsym");

    set(&next_dlmopen, ask ? ask(RTLD_NEXT, "dlmopen") : NULL);
    set(&next_dlvsym, ask ? ask(RTLD_NEXT, "dlvsym") : NULL);
    set(&next_dlsym, ask ? ask(RTLD_NEXT, "dlsym") : NULL);
    set(&next_libc_dlvsym, libc_function("dlvsym"));
    set(&next_libc_dlsym, (void *)ask);
}

void *next_find(const char *name)
{
    if (!__atomic_load_n(&next_libc_dlsym, __ATOMIC_ACQUIRE))
        next_open();
    return next_libc_dlsym(RTLD_NEXT, name);
}

const struct link_map *next_library_at(const void *address)
{
    struct link_map *map = NULL;
    Dl_info info;

    return dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) ? map : NULL;
}

bool next_is_before_us(const void *caller)
{
    const struct link_map *us = next_library_at((const void *)next_open);
    const struct link_map *map = next_library_at(caller);

    if (map == us)
        return false;
    while (map && map != us)
        map = map->l_next;
    return map && us;
}

void *next_lookup(const char *name, const void *caller)
{
    void *ours = is_same(name, "dlsym")     ? (void *)dlsym
                 : is_same(name, "dlvsym")  ? (void *)dlvsym
                 : is_same(name, "dlmopen") ? (void *)dlmopen
                                            : NULL;

    return ours && next_is_before_us(caller) ? ours : NULL;
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
