/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads node files. A line is a list of `key value` pairs; `node`, `driver`, `cuda`, `branch` stand
 * at the top, `board NAME [from BOARD]` and `gpu BOARD` open a block that the pairs behind them
 * fill. '#' begins a comment. What the keys mean is in carve-emulator(7).
 */
#include "node.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/text.h"
#include "line.h"

static const char *const fact_keys[FACT_COUNT] = {
#define X(identifier, key, value) key,
    FACTS(X)
#undef X
};

static const int64_t fact_defaults[FACT_COUNT] = {
#define X(identifier, key, value) value,
    FACTS(X)
#undef X
};

/* Where the pairs of the current line go. At most one of board and gpu is set. */
struct reader {
    struct node *node;
    struct board *board;
    struct gpu *gpu;
    const char *wanted; /* the only board to take (reading boards_text), or NULL */
};

uint64_t node_hash(const void *data, size_t size, uint64_t seed)
{
    const uint8_t *byte = data;
    uint64_t hash = 0xcbf29ce484222325u ^ seed;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash;
}

static const struct geometry *geometry_find(const char *key)
{
    for (size_t i = 0; i < n_geometries; i++) {
        if (strcmp(geometries[i].key, key) == 0)
            return &geometries[i];
    }
    return NULL;
}

static int line_fact(struct line *l, int64_t facts[FACT_COUNT], const char *key, struct err *e)
{
    for (unsigned i = 0; i < FACT_COUNT; i++) {
        if (strcmp(fact_keys[i], key) == 0)
            return line_number_or_refusal(l, &facts[i], key, e);
    }
    return line_error(l, e, "unknown key '%s'", key);
}

static int board_profile(struct line *l, struct board *b, struct err *e)
{
    char name[16];
    int64_t mib;

    if (line_field(l, name, sizeof name, "profile", e) < 0 ||
        line_number(l, &mib, UINT32_MAX, "profile", e) < 0)
        return -EINVAL;
    for (unsigned i = 0; b->mig && i < b->mig->n_profiles; i++) {
        if (strcmp(b->mig->profiles[i].name, name) == 0) {
            b->mem_mib[i] = (uint32_t)mib;
            return 0;
        }
    }
    return line_error(l, e, "board '%s' has no known profile '%s'", b->key, name);
}

static int board_clocks(struct line *l, struct board *b, struct err *e)
{
    int64_t mhz;

    for (b->n_clocks = 0; line_more(l); b->n_clocks++) {
        if (b->n_clocks == NODE_MAX_CLOCKS)
            return line_error(l, e, "more than %d memory clocks", NODE_MAX_CLOCKS);
        if (line_number(l, &mhz, UINT16_MAX, "memory-clocks-mhz", e) < 0)
            return -EINVAL;
        b->clocks_mhz[b->n_clocks] = (uint16_t)mhz;
    }
    return 0;
}

static int board_pair(struct line *l, struct board *b, const char *key, struct err *e)
{
    if (strcmp(key, "name") == 0)
        return line_rest(l, b->name, sizeof b->name, key, e);
    if (strcmp(key, "vbios") == 0)
        return line_field(l, b->vbios, sizeof b->vbios, key, e);
    if (strcmp(key, "part-number") == 0)
        return line_field(l, b->part_number, sizeof b->part_number, key, e);
    if (strcmp(key, "inforom") == 0)
        return line_field(l, b->inforom, sizeof b->inforom, key, e);
    if (strcmp(key, "pci-device") == 0)
        return line_hex(l, &b->pci_device_id, key, e);
    if (strcmp(key, "pci-subsystem") == 0)
        return line_hex(l, &b->pci_subsystem_id, key, e);
    if (strcmp(key, "profile") == 0)
        return board_profile(l, b, e);
    if (strcmp(key, "memory-clocks-mhz") == 0)
        return board_clocks(l, b, e);
    return line_fact(l, b->facts, key, e);
}

/* A uint in a GPU's int field. */
static int gpu_int(struct line *l, int *field, const char *key, struct err *e)
{
    int64_t value;

    if (line_number(l, &value, 1023, key, e) < 0)
        return -EINVAL;
    *field = (int)value;
    return 0;
}

static int gpu_uuid(struct line *l, struct gpu *g, struct err *e)
{
    if (line_field(l, g->uuid, sizeof g->uuid, "uuid", e) < 0)
        return -EINVAL;
    if (strlen(g->uuid) != 40 || !text_starts(g->uuid, "GPU-"))
        return line_error(l, e, "uuid is 'GPU-' and 36 characters, not '%s'", g->uuid);
    return 0;
}

static int gpu_pair(struct line *l, struct gpu *g, const char *key, struct err *e)
{
    if (strcmp(key, "bus") == 0)
        return line_bus(l, &g->domain, &g->bus, &g->device, e);
    if (strcmp(key, "uuid") == 0)
        return gpu_uuid(l, g, e);
    if (strcmp(key, "serial") == 0)
        return line_field(l, g->serial, sizeof g->serial, key, e);
    if (strcmp(key, "cpus") == 0)
        return line_field(l, g->cpus, sizeof g->cpus, key, e);
    if (strcmp(key, "numa") == 0)
        return gpu_int(l, &g->numa, key, e);
    if (strcmp(key, "switch") == 0)
        return gpu_int(l, &g->pcie_switch, key, e);
    if (strcmp(key, "bridge") == 0)
        return gpu_int(l, &g->bridge, key, e);
    return line_fact(l, g->facts, key, e);
}

static void board_init(struct board *b, const char *key, const struct geometry *mig)
{
    memset(b, 0, sizeof *b);
    (void)TEXT_COPY(b->key, key);
    (void)TEXT_COPY(b->name, key);
    memcpy(b->facts, fact_defaults, sizeof b->facts);
    b->mig = mig;
    if (!mig)
        return;
    (void)TEXT_COPY(b->name, mig->name);
    b->pci_device_id = mig->pci_device_id;
    b->facts[FACT_ARCHITECTURE] = mig->architecture;
    b->facts[FACT_COMPUTE_MAJOR] = mig->compute_major;
    b->facts[FACT_COMPUTE_MINOR] = mig->compute_minor;
}

static int read_lines(struct reader *r, const char *text, const char *label, struct err *e);

static struct board *board_known(struct node *n, const char *key)
{
    for (unsigned i = 0; i < n->n_boards; i++) {
        if (strcmp(n->boards[i].key, key) == 0)
            return &n->boards[i];
    }
    return NULL;
}

/* The board of this name: the file's own, or the built-in one, which is then read. */
static struct board *board_find(struct line *l, struct node *n, const char *key, struct err *e)
{
    struct board *known = board_known(n, key);
    struct reader built_in = {.node = n, .wanted = key};

    if (known)
        return known;
    if (read_lines(&built_in, boards_text, "boards", e) < 0)
        return NULL;
    known = board_known(n, key);
    if (!known)
        (void)line_error(l, e, "unknown board '%s'", key);
    return known;
}

static int board_open(struct reader *r, struct line *l, struct err *e)
{
    char key[32], word[8], base[32];
    struct node *n = r->node;
    struct board *from = NULL;

    r->gpu = NULL;
    r->board = NULL;
    if (line_field(l, key, sizeof key, "board", e) < 0)
        return -EINVAL;
    if (r->wanted && strcmp(r->wanted, key) != 0)
        return 0;
    if (board_known(n, key))
        return line_error(l, e, "board '%s' is there already", key);
    if (line_more(l)) {
        if (line_field(l, word, sizeof word, "board", e) < 0 || strcmp(word, "from") != 0)
            return line_error(l, e, "after a board's name comes 'from BOARD' or nothing");
        if (line_field(l, base, sizeof base, "from", e) < 0)
            return -EINVAL;
        from = board_find(l, n, base, e);
        if (!from)
            return -EINVAL;
    }
    if (n->n_boards == NODE_MAX_BOARDS)
        return line_error(l, e, "more than %d boards", NODE_MAX_BOARDS);
    r->board = &n->boards[n->n_boards++];
    board_init(r->board, key, geometry_find(key));
    if (from) {
        *r->board = *from;
        (void)TEXT_COPY(r->board->key, key);
    }
    return 0;
}

/* UUID and serial where the file gives none: fixed by node and index. */
static void gpu_identity(struct gpu *g, const char *node_name)
{
    uint64_t a = node_hash(node_name, strlen(node_name), g->index + 1);
    uint64_t b = node_hash(&a, sizeof a, g->index + 1);

    (void)snprintf(g->uuid, sizeof g->uuid, "GPU-%08x-%04x-4%03x-8%03x-%012llx",
                   (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
                   (unsigned)(b >> 48 & 0xfff), (unsigned long long)(b & 0xffffffffffff));
    (void)snprintf(g->serial, sizeof g->serial, "0000000%06u", g->index);
}

static int gpu_open(struct reader *r, struct line *l, struct err *e)
{
    char key[32];
    struct node *n = r->node;
    const struct board *board;
    struct gpu *g;

    if (line_field(l, key, sizeof key, "gpu", e) < 0)
        return -EINVAL;
    board = board_find(l, n, key, e);
    if (!board)
        return -EINVAL;
    if (n->n_gpus == NODE_MAX_GPUS)
        return line_error(l, e, "more than %d GPUs", NODE_MAX_GPUS);
    g = &n->gpus[n->n_gpus];
    *g = (struct gpu){.index = n->n_gpus,
                      .board = board,
                      .numa = -1,
                      .bus = n->n_gpus + 1,
                      .pcie_switch = -1,
                      .bridge = -1};
    memcpy(g->facts, board->facts, sizeof g->facts);
    gpu_identity(g, n->name);
    n->n_gpus++;
    r->board = NULL;
    r->gpu = g;
    return 0;
}

static int cuda_version(struct line *l, struct node *n, struct err *e)
{
    uint32_t major, minor;

    if (line_version(l, &major, &minor, "cuda", e) < 0)
        return -EINVAL;
    n->cuda = major * 1000 + minor * 10;
    return 0;
}

static int read_pair(struct reader *r, struct line *l, struct err *e)
{
    char key[32];

    if (line_field(l, key, sizeof key, "key", e) < 0)
        return -EINVAL;
    if (strcmp(key, "board") == 0)
        return board_open(r, l, e);
    if (r->wanted && !r->board) {
        line_skip(l); /* another built-in board's lines */
        return 0;
    }
    if (strcmp(key, "gpu") == 0)
        return gpu_open(r, l, e);
    if (r->gpu)
        return gpu_pair(l, r->gpu, key, e);
    if (r->board)
        return board_pair(l, r->board, key, e);
    if (strcmp(key, "node") == 0)
        return line_field(l, r->node->name, sizeof r->node->name, key, e);
    if (strcmp(key, "driver") == 0)
        return line_field(l, r->node->driver, sizeof r->node->driver, key, e);
    if (strcmp(key, "branch") == 0)
        return line_field(l, r->node->branch, sizeof r->node->branch, key, e);
    if (strcmp(key, "cuda") == 0)
        return cuda_version(l, r->node, e);
    return line_error(l, e, "unknown key '%s'", key);
}

static int read_lines(struct reader *r, const char *text, const char *label, struct err *e)
{
    struct line l;
    int rc = 0;

    line_init(&l, text, label);
    while (rc == 0 && line_next(&l)) {
        while (rc == 0 && line_more(&l))
            rc = read_pair(r, &l, e);
    }
    return rc;
}

/* What is left of memory and BAR1 is computed, so that their parts must be numbers and fit. */
static int gpu_check(const struct gpu *g, const char *label, struct err *e)
{
    const int64_t *facts = g->facts;

    if (facts[FACT_MEMORY_MIB] < 0)
        return err_set(e, EINVAL, "%s: the memory of board '%s' is not known: state memory-mib",
                       label, g->board->key);
    if (facts[FACT_RESERVED_KIB] < 0 || facts[FACT_RESERVED_KIB] / 1024 > facts[FACT_MEMORY_MIB])
        return err_set(e, EINVAL, "%s: GPU %u: reserved-kib is not a part of memory-mib", label,
                       g->index);
    if (facts[FACT_BAR1_MIB] >= 0 && facts[FACT_BAR1_USED_KIB] / 1024 > facts[FACT_BAR1_MIB])
        return err_set(e, EINVAL, "%s: GPU %u: bar1-used-kib is not a part of bar1-mib", label,
                       g->index);
    return 0;
}

int node_parse(struct node **out, const char *text, const char *label, struct err *e)
{
    OWN(node_freep) struct node *n = calloc(1, sizeof *n);
    struct reader r = {.node = n};

    if (!n)
        return err_memory(e);
    (void)TEXT_COPY(n->name, "unnamed");
    (void)TEXT_COPY(n->driver, "580.159.04");
    (void)TEXT_COPY(n->branch, "r582_49");
    n->cuda = 13000;
    n->hash = node_hash(text, strlen(text), 0);
    if (read_lines(&r, text, label, e) < 0)
        return -EINVAL;
    if (n->n_gpus == 0)
        return err_set(e, EINVAL, "%s: no 'gpu' line", label);
    for (unsigned i = 0; i < n->n_gpus; i++) {
        if (gpu_check(&n->gpus[i], label, e) < 0)
            return -EINVAL;
    }
    *out = TAKE(n);
    return 0;
}

int node_open(struct node **out, const char *name, struct err *e)
{
    OWN_MEM char *text = NULL;

    if (!name || !*name)
        name = "p4d.24xlarge";
    for (size_t i = 0; i < n_named_nodes; i++) {
        if (strcmp(named_nodes[i].name, name) == 0)
            return node_parse(out, named_nodes[i].text, name, e);
    }
    if (!strchr(name, '/') && access(name, F_OK) != 0)
        return err_set(e, ENOENT, "no emulated node '%s', and no file of that name", name);
    if (file_read(&text, NULL, name, NODE_MAX_FILE, e) < 0)
        return err_wrap(e, "node file");
    return node_parse(out, text, name, e);
}

void node_free(struct node *n)
{
    free(n);
}

int64_t node_memory_bytes(const struct gpu *g)
{
    return g->facts[FACT_MEMORY_MIB] < 0 ? -1 : g->facts[FACT_MEMORY_MIB] * 1048576;
}

const struct profile *node_profile(const struct gpu *g, unsigned i)
{
    const struct geometry *mig = g->board->mig;

    return mig && i < mig->n_profiles ? &mig->profiles[i] : NULL;
}

const struct profile *node_profile_by_id(const struct gpu *g, unsigned id)
{
    const struct profile *p;

    for (unsigned i = 0; (p = node_profile(g, i)); i++) {
        if (p->id == id)
            return p;
    }
    return NULL;
}

uint32_t node_profile_mib(const struct gpu *g, const struct profile *p)
{
    uint32_t stated = g->board->mem_mib[p - g->board->mig->profiles];

    return stated ? stated : p->mem_mib;
}
