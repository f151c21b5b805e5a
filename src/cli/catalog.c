/* SPDX-License-Identifier: Apache-2.0 */
/* `carve catalog`: its command line, and which of its tables is wanted. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "cli/offers.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "lint/view/system.h"

enum {
    KEY_MEMORY = 0x100,
    KEY_MIG,
    KEY_SLICES,
    KEY_GPU,
    KEY_FAMILY,
    KEY_ARCH,
    KEY_REGION,
    KEY_PURCHASE,
    KEY_MAX_PRICE,
    KEY_SORT,
    KEY_FILE,
    KEY_WAYS,
};

enum { LONG_FILE_BYTES = 16 << 20 }; /* read in less than a second */

static const struct argp_option options[] = {
    {"memory", KEY_MEMORY, "QUANTITY", 0,
     "slices with at least so much GPU memory (10Gi; 9856Mi for it to be exact)", 0},
    {"mig", KEY_MIG, NULL, 0, "slices that are MIG devices", 0},
    {"slices", KEY_SLICES, "N", 0, "nodes with at least so many such slices", 0},
    {"gpu", KEY_GPU, "NAME", 0, "this GPU, as Karpenter names it (l4)", 0},
    {"family", KEY_FAMILY, "NAME", 0, "this instance family (g6)", 0},
    {"arch", KEY_ARCH, "ARCH", 0, "amd64 or arm64", 0},
    {"region", KEY_REGION, "REGION", 0, "where (default us-east-1)", 1},
    {"purchase", KEY_PURCHASE, "OPTION", 0, "on-demand (default), spot, committed or any", 1},
    {"max-price", KEY_MAX_PRICE, "USD", 0, "nodes that cost at most so much an hour", 1},
    {"sort", KEY_SORT, "KEY", 0, "price, slice, memory or name", 1},
    {"file", KEY_FILE, "FILE", 0,
     "lay this file over the catalogue: AWS's own JSON or carve-catalog(5); may be repeated", 1},
    {"ways", KEY_WAYS, NULL, 0, "each way to cut the GPUs, with what a slice costs", 1},
    {"output", 'o', "FORMAT", 0, "table (default), json or csv", 1},
    {0},
};

/* The position of a word in a NULL-ended list; ends the process if it is not there. */
static unsigned choose(const char *word, const char *const *words, const char *option,
                       struct argp_state *state)
{
    unsigned i = 0;

    while (words[i] && strcmp(words[i], word) != 0)
        i++;
    if (!words[i]) {
        char list[128] = "";

        for (size_t k = 0, n = 0; words[k] && n < sizeof list; k++)
            n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", k > 0 ? ", " : "", words[k]);
        argp_error(state, "--%s: '%s' is none of %s", option, word, list);
    }
    return i;
}

/* What people write for gigabytes, as a quantity of Kubernetes has it; "" if text is none. */
static const char *giga_suffix(const char *text)
{
    static const char *const known[][2] = {{"g", "G"}, {"gb", "G"}, {"gi", "Gi"}, {"gib", "Gi"}};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcasecmp(text, known[i][0]) == 0)
            return known[i][1];
    return "";
}

/* In gigabytes the memory is meant as MIG devices are named, else to the MiB. */
static void read_memory(struct offers_query *q, const char *text, struct argp_state *state)
{
    size_t n = strspn(text, "0123456789.");
    const char *giga = giga_suffix(text + n);
    char quantity[64];
    int64_t bytes;

    q->by_name = *giga;
    (void)snprintf(quantity, sizeof quantity, "%.*s%s", *giga ? (int)n : 60, text, giga);
    if (!quantity_read(&bytes, quantity, 1) || bytes <= 0)
        argp_error(state, "--memory: '%s' is no quantity like 10Gi", text);
    if (bytes < 1 << 20)
        argp_error(state, "--memory: '%s' is less than a MiB; write %sGi for gigabytes", text,
                   text);
    q->memory_mib = (uint64_t)bytes >> 20;
}

static void read_price(struct offers_query *q, const char *text, struct argp_state *state)
{
    int64_t micro;

    if (!quantity_read(&micro, text, 1000000) || micro <= 0)
        argp_error(state, "--max-price: '%s' is no number of USD", text);
    q->max_usd = (double)micro / 1e6;
}

static void read_slices(struct offers_query *q, const char *text, struct argp_state *state)
{
    uint64_t number;

    if (!text_uint(&number, text, 1 << 20) || number == 0)
        argp_error(state, "--slices: '%s' is no number of slices", text);
    q->slices = (unsigned)number;
}

static error_t parse_output(struct offers_query *q, int key, char *text, struct argp_state *state)
{
    static const char *const purchases[] = {"on-demand", "spot", "committed", "any", NULL},
                             *const sorts[] = {"price", "slice", "memory", "name", NULL},
                             *const formats[] = {"table", "json", "csv", NULL};
    unsigned choice;

    switch (key) {
    case KEY_PURCHASE:
        choice = choose(text, purchases, "purchase", state);
        q->purchases = choice > PURCHASE_COMMITTED ? PURCHASE_ANY : 1u << choice;
        return 0;
    case KEY_SORT:
        q->sort = (enum offers_sort)(OFFERS_BY_PRICE + choose(text, sorts, "sort", state));
        return 0;
    case 'o':
        q->format = (enum offers_format)choose(text, formats, "output", state);
        return 0;
    case KEY_FILE:
        if (q->n_files == OFFERS_MAX_FILES)
            argp_error(state, "at most %d files", OFFERS_MAX_FILES);
        q->files[q->n_files++] = text;
        return 0;
    case KEY_WAYS:
        q->ways = true;
        return 0;
    case ARGP_KEY_ARG:
        if (q->n_types == OFFERS_MAX_TYPES)
            argp_error(state, "at most %d types", OFFERS_MAX_TYPES);
        q->types[q->n_types++] = text;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    static const char *const archs[] = {"amd64", "arm64", NULL};
    struct offers_query *q = state->input;

    switch (key) {
    case KEY_MEMORY:
        read_memory(q, text, state);
        return 0;
    case KEY_MIG:
        q->mig = true;
        return 0;
    case KEY_SLICES:
        read_slices(q, text, state);
        return 0;
    case KEY_GPU:
        q->gpu = text;
        return 0;
    case KEY_FAMILY:
        q->family = text;
        return 0;
    case KEY_ARCH:
        q->arch = archs[choose(text, archs, "arch", state)];
        return 0;
    case KEY_REGION:
        q->region = text;
        return 0;
    case KEY_MAX_PRICE:
        read_price(q, text, state);
        return 0;
    default:
        return parse_output(q, key, text, state);
    }
}

/* A line on a terminal that tells how far a long file is read. */
struct progress {
    const char *file;
    uint64_t shown; /* the last part told, of 100, or of 16 MiB each */
};

static void show_progress(void *self, uint64_t done, uint64_t total)
{
    struct progress *p = self;
    uint64_t part = total ? done * 100 / total : done >> 24;

    if (done < LONG_FILE_BYTES || part == p->shown)
        return;
    p->shown = part;
    if (total)
        (void)fprintf(stderr, "\rreading %.60s: %llu %% of %llu MiB", p->file,
                      (unsigned long long)part, (unsigned long long)total >> 20);
    else
        (void)fprintf(stderr, "\rreading %.60s: %llu MiB", p->file, (unsigned long long)done >> 20);
}

static int add_file(struct catalog *c, const char *file, struct err *e)
{
    const char *path = strcmp(file, "-") == 0 ? "/dev/stdin" : file;
    struct progress p = {.file = file};
    const struct catalog_watch watch = {&p, show_progress};
    bool told = isatty(STDERR_FILENO) == 1;
    int r = catalog_add_watched(c, path, told ? &watch : NULL, e);

    if (p.shown > 0)
        (void)fprintf(stderr, "\r\033[K");
    return r;
}

static int show(const struct catalog *c, const struct offers_query *q)
{
    OWN_MEM struct offer *offers = NULL;
    struct err e = {0};
    struct offer near;
    size_t n;
    int code;

    if (offers_choose(&offers, &n, c, q, &e) < 0)
        return report_error(&e);
    if (q->format == OFFERS_JSON)
        code = offers_json(c, q, offers, n);
    else if (q->format == OFFERS_CSV)
        code = offers_csv(q, offers, n);
    else if (q->ways)
        code = offers_ways(c, q, offers, n);
    else if (q->n_types > 0)
        code = offers_detail(c, q, offers, n);
    else
        code = offers_table(q, offers, n);
    if (offers_near_miss(&near, c, q))
        report_note("%s of %s has %llu MiB, a little less than asked for; --memory %lluMi takes it "
                    "in",
                    near.way.kind == WAY_WHOLE ? "the GPU" : near.way.name, near.type->name,
                    (unsigned long long)near.way.slice_mib, (unsigned long long)near.way.slice_mib);
    if (code == REPORT_FINE && n == 0) {
        report_note("nothing in the catalogue is like that");
        code = REPORT_FINDINGS;
    }
    return code;
}

int cmd_catalog(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "[TYPE...]",
        .doc = "What AWS sells with GPUs: types, how they can be cut, what a node and a slice "
               "cost.\vWith a TYPE everything that is known of it."};
    struct offers_query q = {.region = "us-east-1", .purchases = 1u << PURCHASE_ON_DEMAND};
    OWN(catalog_freep) struct catalog *c = NULL;
    struct err e = {0};

    (void)argp_parse(&argp, argc, argv, 0, NULL, &q);
    if (catalog_open(&c, &e) < 0)
        return report_error(&e);
    for (size_t i = 0; i < q.n_files; i++)
        if (add_file(c, q.files[i], &e) < 0)
            return report_error(&e);
    return show(c, &q);
}
