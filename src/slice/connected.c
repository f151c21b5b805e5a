/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Best connected sets: see connected.h. With W(S) the sum of pair scores inside S and D(S) the sum
 * over S of each node's scores to all available nodes, the rest's inside sum is W(all) - D(S) +
 * W(S): so of sets with equal W that with the least D leaves the best rest.
 */
#include "slice/connected.h"

#include <stdbool.h>

/* Additions that an exact search may take: about a millisecond. */
enum { MAX_EXACT_WORK = 1 << 20 };

struct search {
    const struct connected *c;
    int64_t degree[GPU_MAX]; /* scores to all available nodes */
    uint64_t available;
};

struct set {
    uint64_t nodes;
    int64_t inside;  /* W */
    int64_t degrees; /* D */
};

static bool is_better(const struct set *a, const struct set *b)
{
    return a->inside != b->inside ? a->inside > b->inside : a->degrees < b->degrees;
}

/* Sum of the node's scores to the nodes of a set. */
static int64_t score_to(const struct connected *c, unsigned node, uint64_t nodes)
{
    int64_t sum = 0;

    for (; nodes; nodes &= nodes - 1)
        sum += c->score[node][__builtin_ctzll(nodes)];
    return sum;
}

static void add(struct set *s, const struct search *search, unsigned node)
{
    s->inside += score_to(search->c, node, s->nodes);
    s->degrees += search->degree[node];
    s->nodes |= UINT64_C(1) << node;
}

static unsigned lowest(uint64_t nodes)
{
    return (unsigned)__builtin_ctzll(nodes);
}

/* Tries every way to add `missing` of `rest`; in ascending order, so the first of equals stays. */
static void search_all(struct set *best, const struct search *search, const struct set *partial,
                       uint64_t rest, unsigned missing)
{
    if (missing == 0) {
        if (best->nodes == 0 || is_better(partial, best))
            *best = *partial;
        return;
    }
    for (; (unsigned)__builtin_popcountll(rest) >= missing; rest &= rest - 1) {
        struct set larger = *partial;

        add(&larger, search, lowest(rest));
        search_all(best, search, &larger, rest & (rest - 1), missing - 1);
    }
}

/*
 * Whether search_all is short for `missing` of `rest` nodes: it visits "rest + 1 over missing"
 * partial sets and adds at most `size` scores at each.
 */
static bool is_short(unsigned rest, unsigned missing, unsigned size)
{
    unsigned other = rest + 1 - missing;
    uint64_t sets = 1;

    for (unsigned i = 1; i <= (missing < other ? missing : other); i++) {
        sets = sets * (rest + 2 - i) / i;
        if (sets > MAX_EXACT_WORK)
            return false;
    }
    return sets * size <= MAX_EXACT_WORK;
}

/* Adds node by node what connects best. */
static void grow(struct set *s, const struct search *search, unsigned size)
{
    while ((unsigned)__builtin_popcountll(s->nodes) < size) {
        struct set best = {0};

        for (uint64_t rest = search->available & ~s->nodes; rest; rest &= rest - 1) {
            struct set larger = *s;

            add(&larger, search, lowest(rest));
            if (best.nodes == 0 || is_better(&larger, &best))
                best = larger;
        }
        *s = best;
    }
}

/* The best exchange of one node outside `required` for one that is available. False: none helps. */
static bool exchange(struct set *s, const struct search *search, uint64_t required)
{
    struct set best = *s;
    bool found = false;

    for (uint64_t old = s->nodes & ~required; old; old &= old - 1) {
        unsigned out = lowest(old);
        struct set smaller = *s;

        smaller.nodes &= ~(UINT64_C(1) << out);
        smaller.inside -= score_to(search->c, out, smaller.nodes);
        smaller.degrees -= search->degree[out];
        for (uint64_t rest = search->available & ~s->nodes; rest; rest &= rest - 1) {
            struct set other = smaller;

            add(&other, search, lowest(rest));
            if (is_better(&other, &best)) {
                best = other;
                found = true;
            }
        }
    }
    *s = best;
    return found;
}

static struct set search_some(const struct search *search, const struct set *partial, unsigned size)
{
    uint64_t required = partial->nodes;
    uint64_t starts = required ? required & -required : search->available;
    struct set best = {0};

    for (; starts; starts &= starts - 1) {
        struct set s = *partial;

        if (!required)
            add(&s, search, lowest(starts));
        grow(&s, search, size);
        for (unsigned round = 0; round < size && exchange(&s, search, required); round++)
            continue;
        if (best.nodes == 0 || is_better(&s, &best))
            best = s;
    }
    return best;
}

uint64_t connected_choose(const struct connected *c, uint64_t available, uint64_t required,
                          unsigned size)
{
    struct search search = {.c = c, .available = available};
    struct set partial = {0}, best = {0};
    uint64_t rest = available & ~required;
    unsigned missing = size - (unsigned)__builtin_popcountll(required);

    for (uint64_t nodes = available; nodes; nodes &= nodes - 1)
        search.degree[lowest(nodes)] = score_to(c, lowest(nodes), available);
    for (uint64_t nodes = required; nodes; nodes &= nodes - 1)
        add(&partial, &search, lowest(nodes));
    if (missing == 0)
        return required;
    if (is_short((unsigned)__builtin_popcountll(rest), missing, size))
        search_all(&best, &search, &partial, rest, missing);
    else
        best = search_some(&search, &partial, size);
    return best.nodes;
}
