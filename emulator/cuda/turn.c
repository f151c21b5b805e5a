/* SPDX-License-Identifier: Apache-2.0 */
/* Time slices, in the words that the shared state has for them: see turn.h. */
#include "cuda/turn.h"

#include <string.h>
#include <time.h>

#include "cuda/cuda.h"
#include "process.h"

/* A row's words: what it has given and got, when it last ran without a break, and its marks. */
enum row_word {
    ROW_GIVEN,
    ROW_DONE,
    ROW_RUN_FROM,
    ROW_RUN_TO,
    ROW_MARKS, /* places, */
    N_MARKS = (STATE_WORK - ROW_MARKS) / 2,
    ROW_MARKED = ROW_MARKS + N_MARKS, /* and when they were reached; 0: not yet */
};

/* A GPU's words: the time up to which it is computed, then one word for each engine. */
enum {
    WORD_NOW = 0,
    WORD_ENGINES = 1,
    ENGINES = 15, /* by GPU instance id; a GPU without instances is engine 0 */
    ROW_SHIFT = 48,
};
_Static_assert(WORD_ENGINES + ENGINES <= sizeof(struct state_work) / sizeof(uint64_t), "words");

/* One engine, unpacked: a slice longer than TURN_SLICE_NS still begins. */
struct engine {
    unsigned row; /* STATE_PROCESSES: nobody's turn */
    uint64_t left_ns;
};

/* What is computed: the shared state, or a copy to look ahead. */
struct view {
    struct state_process *rows;
    unsigned n_rows;
};

uint64_t turn_now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static unsigned engine_of(const struct state_process *p)
{
    return p->gi == UINT32_MAX || p->gi >= ENGINES ? 0 : p->gi;
}

static struct engine unpack(uint64_t word)
{
    return (struct engine){.row = word >> ROW_SHIFT ? (unsigned)(word >> ROW_SHIFT) - 1
                                                    : STATE_PROCESSES,
                           .left_ns = word & (((uint64_t)1 << ROW_SHIFT) - 1)};
}

static uint64_t pack(struct engine e)
{
    return e.row == STATE_PROCESSES ? 0 : (uint64_t)(e.row + 1) << ROW_SHIFT | e.left_ns;
}

static uint64_t pending(const struct state_process *p)
{
    return p->used && !p->seen_gone_ns && p->work[ROW_GIVEN] > p->work[ROW_DONE]
               ? p->work[ROW_GIVEN] - p->work[ROW_DONE]
               : 0;
}

/* Whose turn comes after this row's; its own if nobody else has work; STATE_PROCESSES: nobody. */
static unsigned next_row(const struct view *v, unsigned engine, unsigned row)
{
    unsigned first = row == STATE_PROCESSES ? 0 : row + 1;

    for (unsigned i = 0; i < v->n_rows; i++) {
        unsigned n = (first + i) % v->n_rows;

        if (engine_of(&v->rows[n]) == engine && pending(&v->rows[n]))
            return n;
    }
    return STATE_PROCESSES;
}

/* The row whose turn it is runs for so long, from then on. */
static void run_row(struct state_process *p, uint64_t from, uint64_t ns)
{
    if (p->work[ROW_RUN_TO] != from)
        p->work[ROW_RUN_FROM] = from;
    p->work[ROW_RUN_TO] = from + ns;
    for (unsigned i = 0; i < N_MARKS; i++) {
        uint64_t place = p->work[ROW_MARKS + i], done = p->work[ROW_DONE];

        if (!p->work[ROW_MARKED + i] && place > done && place <= done + ns)
            p->work[ROW_MARKED + i] = from + (place - done);
    }
    p->work[ROW_DONE] += ns;
}

/* Moves an engine on from one time to another. */
static void move(const struct view *v, unsigned engine, struct engine *e, uint64_t from,
                 uint64_t to)
{
    while (from < to) {
        uint64_t work = e->row < v->n_rows ? pending(&v->rows[e->row]) : 0, ns = to - from;

        if (!work || !e->left_ns) {
            unsigned row = next_row(v, engine, e->row);

            if (row == STATE_PROCESSES)
                return;
            e->left_ns =
                TURN_SLICE_NS + (row == e->row || e->row == STATE_PROCESSES ? 0 : TURN_SWITCH_NS);
            e->row = row;
            continue;
        }
        if (e->left_ns > TURN_SLICE_NS) {
            ns = ns < e->left_ns - TURN_SLICE_NS ? ns : e->left_ns - TURN_SLICE_NS;
        } else {
            ns = ns < work ? ns : work;
            ns = ns < e->left_ns ? ns : e->left_ns;
            run_row(&v->rows[e->row], from, ns);
        }
        e->left_ns -= ns;
        from += ns;
    }
}

static struct view view_of(const struct device *d)
{
    struct state_gpu *g = &cuda.map.at->gpus[d->gpu->index];

    return (struct view){g->processes, g->rows < STATE_PROCESSES ? g->rows : STATE_PROCESSES};
}

/* Moves the GPU on to now. Nothing of a dead process goes on. Under the state's lock. */
static uint64_t advance(const struct device *d)
{
    struct state_gpu *g = &cuda.map.at->gpus[d->gpu->index];
    uint64_t now = turn_now(), *words = g->work.words;
    struct view v = view_of(d);

    if (now / TURN_SLICE_NS != words[WORD_NOW] / TURN_SLICE_NS) /* however often somebody looks */
        process_reap(cuda.map.at, d->gpu->index);
    for (unsigned i = 0; i < ENGINES; i++) {
        struct engine e = unpack(words[WORD_ENGINES + i]);

        move(&v, i, &e, words[WORD_NOW], now);
        words[WORD_ENGINES + i] = pack(e);
    }
    if (words[WORD_NOW] < now)
        words[WORD_NOW] = now;
    return words[WORD_NOW];
}

uint64_t turn_give(const struct device *d, uint64_t work_ns)
{
    struct state_process *p;
    uint64_t place = 0;

    state_lock(&cuda.map);
    p = machine_row(d);
    if (p) {
        if (work_ns)
            (void)advance(d);
        p->work[ROW_GIVEN] += work_ns;
        place = p->work[ROW_GIVEN];
    }
    state_unlock(&cuda.map);
    return place;
}

/* When the row was at a place that it has passed. Before its last run without a break: then. */
static uint64_t when(const struct state_process *p, uint64_t place)
{
    uint64_t back = p->work[ROW_DONE] - place;

    for (unsigned i = 0; i < N_MARKS; i++) {
        if (p->work[ROW_MARKS + i] == place && p->work[ROW_MARKED + i])
            return p->work[ROW_MARKED + i];
    }
    if (back >= p->work[ROW_RUN_TO] - p->work[ROW_RUN_FROM])
        return p->work[ROW_RUN_FROM];
    return p->work[ROW_RUN_TO] - back;
}

/* How long until the row gets there: the engine moved on, on a copy of its rows. */
static uint64_t look_ahead(const struct device *d, const struct state_process *own, uint64_t place)
{
    static struct state_process copies[STATE_PROCESSES]; /* cuda.lock guards it */
    const uint64_t *words = cuda.map.at->gpus[d->gpu->index].work.words;
    unsigned engine = engine_of(own), mine = 0, n = 0;
    struct engine e = unpack(words[WORD_ENGINES + engine]);
    struct view v = view_of(d), ahead = {copies, 0};
    unsigned current = STATE_PROCESSES;

    for (unsigned i = 0; i < v.n_rows; i++) {
        if (engine_of(&v.rows[i]) != engine || (!pending(&v.rows[i]) && i != e.row))
            continue;
        copies[n] = v.rows[i];
        current = i == e.row ? n : current;
        mine = &v.rows[i] == own ? n : mine;
        n++;
    }
    ahead.n_rows = n;
    e.row = current;
    move(&ahead, engine, &e, words[WORD_NOW], words[WORD_NOW] + TURN_LOOK_NS);
    if (copies[mine].work[ROW_DONE] < place)
        return TURN_LOOK_NS;
    return when(&copies[mine], place) - words[WORD_NOW];
}

bool turn_reached(const struct device *d, uint64_t place, uint64_t *out_at, uint64_t *out_wait)
{
    const struct state_process *p;
    bool reached;

    state_lock(&cuda.map);
    p = machine_row(d);
    *out_at = advance(d);
    reached = !p || p->work[ROW_DONE] >= place || p->work[ROW_GIVEN] < place;
    if (reached && p && p->work[ROW_GIVEN] >= place)
        *out_at = when(p, place);
    if (!reached)
        *out_wait = look_ahead(d, p, place);
    state_unlock(&cuda.map);
    return reached;
}

void turn_mark(const struct device *d, uint64_t place)
{
    struct state_process *p;

    state_lock(&cuda.map);
    p = machine_row(d);
    for (unsigned i = 0; p && i < N_MARKS; i++) {
        if (p->work[ROW_MARKS + i] > p->work[ROW_DONE])
            continue; /* another that waits; a reached one has been read */
        p->work[ROW_MARKED + i] = 0;
        p->work[ROW_MARKS + i] = place;
        break;
    }
    state_unlock(&cuda.map);
}

void turn_drop(const struct device *d)
{
    struct state_process *p;

    state_lock(&cuda.map);
    p = machine_row(d);
    if (p) {
        (void)advance(d);
        p->work[ROW_GIVEN] = p->work[ROW_DONE];
    }
    state_unlock(&cuda.map);
}
