/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger: shards, each an open-addressing table that doubles, behind a lock that is held for
 * some tens of instructions and never over a call of the driver. The shards lie in a page that the
 * kernel wipes in a forked child, the tables in ones that the child does not get: so it finds an
 * empty ledger with free locks, whatever the parent's threads were doing.
 */
#include "shim/ledger.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    SHARDS = 64,
    FEW = SHARDS, /* one more, of the kinds that are walked often and of which there are few */
    ALL_SHARDS,
    FIRST_ENTRIES = 64,
    MAX_ENTRIES = 1 << 18, /* of a shard: 16 million allocations in all */
    SPINS = 64,
};

/* Of a shard. SLEPT_ON: taken, and who waits for it may sleep. */
enum lock { FREE, TAKEN, SLEPT_ON };

struct shard {
    _Alignas(64) uint32_t lock; /* a futex */
    uint32_t capacity, n;       /* capacity: a power of 2 */
    struct ledger_entry *entries;
};

/* Set once; the same in a forked child. */
static struct shard *ledger_shards;

/* NULL: no memory. */
static struct shard *shards(void)
{
    struct shard *s = __atomic_load_n(&ledger_shards, __ATOMIC_ACQUIRE), *nobody = NULL;

    if (s)
        return s;
    s = mmap(NULL, ALL_SHARDS * sizeof *s, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
             0);
    if (s == MAP_FAILED)
        return NULL;
    if (madvise(s, ALL_SHARDS * sizeof *s, MADV_WIPEONFORK) < 0 ||
        !__atomic_compare_exchange_n(&ledger_shards, &nobody, s, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        (void)munmap(s, ALL_SHARDS * sizeof *s);
        return nobody; /* another thread's, or NULL */
    }
    return s;
}

static uint64_t hash(enum ledger_kind kind, uint64_t key)
{
    uint64_t h = (key ^ (uint64_t)kind << 56) * 0x9e3779b97f4a7c15ull;

    return h ^ h >> 29;
}

/* Pools are walked with every synchronization, contexts when one ends: not all allocations with
   them. */
static bool is_of_few(enum ledger_kind kind)
{
    return kind == LEDGER_POOL || kind == LEDGER_GRAPH_POOL || kind == LEDGER_CONTEXT;
}

static void unlock(struct shard *s)
{
    if (__atomic_exchange_n(&s->lock, FREE, __ATOMIC_RELEASE) == SLEPT_ON) {
        int saved = errno;

        (void)syscall(SYS_futex, &s->lock, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        errno = saved;
    }
}

static bool try_lock(struct shard *s)
{
    uint32_t was = FREE;

    return __atomic_compare_exchange_n(&s->lock, &was, TAKEN, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

/* Who cannot have it soon sleeps: its holder may need the processor that we are on. */
static void lock(struct shard *s)
{
    int saved;

    for (unsigned spins = 0; spins < SPINS; spins++) {
        if (try_lock(s))
            return;
    }
    saved = errno;
    while (__atomic_exchange_n(&s->lock, SLEPT_ON, __ATOMIC_ACQUIRE) != FREE)
        (void)syscall(SYS_futex, &s->lock, FUTEX_WAIT_PRIVATE, SLEPT_ON, NULL, NULL, 0);
    errno = saved;
}

/* The locked shard of a key; NULL: no memory. */
static struct shard *lock_key(enum ledger_kind kind, uint64_t key)
{
    struct shard *s = shards();

    if (!s)
        return NULL;
    s += is_of_few(kind) ? FEW : hash(kind, key) % SHARDS;
    lock(s);
    return s;
}

static uint32_t home(const struct shard *s, const struct ledger_entry *e)
{
    return (uint32_t)(hash((enum ledger_kind)e->kind, e->key) / SHARDS) & (s->capacity - 1);
}

/* Where the key is, or would go, in a table that has room. */
static struct ledger_entry *slot_of(struct shard *s, enum ledger_kind kind, uint64_t key)
{
    struct ledger_entry wanted = {.key = key, .kind = (uint8_t)kind};
    uint32_t i;

    for (i = home(s, &wanted); s->entries[i].kind != 0; i = (i + 1) & (s->capacity - 1)) {
        if (s->entries[i].kind == (uint8_t)kind && s->entries[i].key == key)
            break;
    }
    return &s->entries[i];
}

static struct ledger_entry *found(struct shard *s, enum ledger_kind kind, uint64_t key)
{
    struct ledger_entry *e;

    if (s->capacity == 0)
        return NULL;
    e = slot_of(s, kind, key);
    return e->kind != 0 ? e : NULL;
}

static bool grow(struct shard *s)
{
    struct shard old = *s;
    uint32_t capacity = old.capacity ? old.capacity * 2 : FIRST_ENTRIES;
    struct ledger_entry *entries;

    if (capacity > MAX_ENTRIES)
        return false;
    entries = mmap(NULL, capacity * sizeof *entries, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (entries == MAP_FAILED)
        return false;
    (void)madvise(entries, capacity * sizeof *entries, MADV_DONTFORK);
    s->entries = entries;
    s->capacity = capacity;
    for (uint32_t i = 0; i < old.capacity; i++) {
        const struct ledger_entry *e = &old.entries[i];

        if (e->kind != 0)
            *slot_of(s, (enum ledger_kind)e->kind, e->key) = *e;
    }
    if (old.entries)
        (void)munmap(old.entries, old.capacity * sizeof *entries);
    return true;
}

/* Room for a new key of a locked shard; NULL: no memory. */
static struct ledger_entry *add(struct shard *s, const struct ledger_entry *e)
{
    struct ledger_entry *at;

    if (s->n >= s->capacity / 4 * 3 && !grow(s) && s->n + 1 >= s->capacity)
        return NULL;
    at = slot_of(s, (enum ledger_kind)e->kind, e->key);
    *at = *e;
    s->n++;
    return at;
}

/* Closes the gap: whatever cannot be found from its home over the hole moves into it. */
static void remove_at(struct shard *s, struct ledger_entry *e)
{
    uint32_t mask = s->capacity - 1, hole = (uint32_t)(e - s->entries);

    for (uint32_t i = (hole + 1) & mask; s->entries[i].kind != 0; i = (i + 1) & mask) {
        if (((i - home(s, &s->entries[i])) & mask) >= ((i - hole) & mask)) {
            s->entries[hole] = s->entries[i];
            hole = i;
        }
    }
    s->entries[hole] = (struct ledger_entry){0};
    s->n--;
}

bool ledger_put(const struct ledger_entry *e, struct ledger_entry *out_old)
{
    struct shard *s = lock_key((enum ledger_kind)e->kind, e->key);
    struct ledger_entry *at, old = {0};
    bool ok = true;

    if (!s)
        return false;
    at = found(s, (enum ledger_kind)e->kind, e->key);
    if (at) {
        old = *at;
        *at = *e;
    } else {
        ok = add(s, e) != NULL;
    }
    unlock(s);
    if (ok)
        *out_old = old;
    return ok;
}

bool ledger_take(enum ledger_kind kind, uint64_t key, struct ledger_entry *out)
{
    struct shard *s = lock_key(kind, key);
    struct ledger_entry *at = s ? found(s, kind, key) : NULL;

    if (at) {
        *out = *at;
        remove_at(s, at);
    }
    if (s)
        unlock(s);
    return at != NULL;
}

bool ledger_find(enum ledger_kind kind, uint64_t key, struct ledger_entry *out)
{
    struct shard *s = lock_key(kind, key);
    struct ledger_entry *at = s ? found(s, kind, key) : NULL;

    if (at)
        *out = *at;
    if (s)
        unlock(s);
    return at != NULL;
}

/* What is counted elsewhere may have been lost with an entry that was replaced. */
static uint32_t changed(uint32_t n, int change)
{
    return change < 0 && n < -(uint32_t)change ? 0 : n + (uint32_t)change;
}

/* Of a locked shard. */
static bool count(struct shard *s, const struct ledger_entry *e, int refs, int maps,
                  struct ledger_entry *out)
{
    struct ledger_entry *at = found(s, (enum ledger_kind)e->kind, e->key);

    if (!at && (refs < 0 || maps < 0))
        return false;
    if (!at) {
        struct ledger_entry fresh = *e;

        fresh.refs = 0;
        fresh.maps = 0;
        at = add(s, &fresh);
        if (!at)
            return false;
    }
    at->refs = changed(at->refs, refs);
    at->maps = changed(at->maps, maps);
    *out = *at;
    if (at->refs == 0 && at->maps == 0)
        remove_at(s, at);
    return true;
}

bool ledger_count(const struct ledger_entry *e, int refs, int maps, struct ledger_entry *out)
{
    struct shard *s = lock_key((enum ledger_kind)e->kind, e->key);
    bool ok;

    if (!s)
        return false;
    ok = count(s, e, refs, maps, out);
    unlock(s);
    return ok;
}

bool ledger_charge(const struct ledger_entry *seen, uint64_t bytes)
{
    struct shard *s = lock_key((enum ledger_kind)seen->kind, seen->key);
    struct ledger_entry *at = s ? found(s, (enum ledger_kind)seen->kind, seen->key) : NULL;
    bool same =
        at && at->bytes == seen->bytes && at->other == seen->other && at->maps <= seen->maps;

    if (same) {
        at->bytes = bytes;
        at->other++;
    }
    if (s)
        unlock(s);
    return same;
}

/* *at as below. An entry that closes the gap is looked at next: the index stays. */
bool ledger_take_context(uint64_t context, uint64_t *at, struct ledger_entry *out)
{
    struct shard *all = shards();
    uint64_t shard = *at >> 32, index = *at & UINT32_MAX;

    for (; all && shard < ALL_SHARDS; shard++, index = 0) {
        struct shard *s = &all[shard];
        bool ok;

        lock(s);
        while (index < s->capacity &&
               (s->entries[index].kind == 0 || s->entries[index].context != context))
            index++;
        ok = index < s->capacity;
        if (ok) {
            *out = s->entries[index];
            remove_at(s, &s->entries[index]);
        }
        unlock(s);
        if (ok) {
            *at = shard << 32 | index;
            return true;
        }
    }
    *at = (uint64_t)ALL_SHARDS << 32;
    return false;
}

/* *at: shard * 2^32 + index of the next entry to look at. */
bool ledger_next(enum ledger_kind kind, uint64_t *at, struct ledger_entry *out)
{
    struct shard *all = shards();
    uint64_t shard = *at >> 32, index = *at & UINT32_MAX;

    if (shard < FEW && is_of_few(kind))
        shard = FEW;
    for (; all && shard < ALL_SHARDS; shard++, index = 0) {
        struct shard *s = &all[shard];
        bool ok = false;

        lock(s);
        for (; index < s->capacity && !ok; index++) {
            ok = s->entries[index].kind == (uint8_t)kind;
            if (ok)
                *out = s->entries[index];
        }
        unlock(s);
        if (ok) {
            *at = shard << 32 | index;
            return true;
        }
    }
    *at = (uint64_t)ALL_SHARDS << 32;
    return false;
}

uint64_t ledger_entries(void)
{
    struct shard *all = shards();
    uint64_t n = 0;

    for (unsigned i = 0; all && i < ALL_SHARDS; i++) {
        lock(&all[i]);
        n += all[i].n;
        unlock(&all[i]);
    }
    return n;
}
