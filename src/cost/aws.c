/* SPDX-License-Identifier: Apache-2.0 */
/* What AWS's command line prints: see aws.h. Field names are those of EC2's API. */
#include "cost/aws.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

void aws_init(struct aws *aws, struct rows *rows, const struct catalog_content *now, struct err *e)
{
    *aws = (struct aws){.rows = rows, .now = now, .e = e};
}

enum field_kind {
    FIELD_TEXT,  /* char[DRAFT_TEXT_SIZE] */
    FIELD_COUNT, /* unsigned */
    FIELD_SIZE,  /* uint64_t */
    FIELD_REAL,  /* double */
};

struct field {
    struct json_pattern path; /* below the record */
    enum field_kind kind;
    size_t offset;
};

#define TYPE(member) offsetof(struct aws_type, member)
#define SPOT(member) offsetof(struct aws_spot, member)
#define ITEM "[]"

static const struct field type_fields[] = {
    {{1, {"InstanceType"}}, FIELD_TEXT, TYPE(draft.name)},
    {{1, {"Hypervisor"}}, FIELD_TEXT, TYPE(draft.hypervisor)},
    {{2, {"ProcessorInfo", "Manufacturer"}}, FIELD_TEXT, TYPE(draft.cpu_manufacturer)},
    {{2, {"VCpuInfo", "DefaultVCpus"}}, FIELD_COUNT, TYPE(draft.vcpus)},
    {{2, {"MemoryInfo", "SizeInMiB"}}, FIELD_SIZE, TYPE(draft.memory_mib)},
    {{2, {"InstanceStorageInfo", "TotalSizeInGB"}}, FIELD_SIZE, TYPE(draft.local_nvme_gb)},
    {{2, {"GpuInfo", "TotalGpuMemoryInMiB"}}, FIELD_SIZE, TYPE(draft.gpu_total_mib)},
    {{4, {"GpuInfo", "Gpus", ITEM, "Name"}}, FIELD_TEXT, TYPE(draft.gpu_name)},
    {{4, {"GpuInfo", "Gpus", ITEM, "Manufacturer"}}, FIELD_TEXT, TYPE(draft.gpu_manufacturer)},
    {{4, {"GpuInfo", "Gpus", ITEM, "Count"}}, FIELD_COUNT, TYPE(draft.gpus)},
    {{4, {"GpuInfo", "Gpus", ITEM, "LogicalGpuCount"}}, FIELD_COUNT, TYPE(draft.gpu_devices)},
    {{4, {"GpuInfo", "Gpus", ITEM, "GpuPartitionSize"}}, FIELD_REAL, TYPE(draft.gpu_part)},
    {{5, {"GpuInfo", "Gpus", ITEM, "MemoryInfo", "SizeInMiB"}},
     FIELD_SIZE,
     TYPE(draft.gpu_memory_mib)},
    {{3, {"NetworkInfo", "EfaInfo", "MaximumEfaInterfaces"}},
     FIELD_COUNT,
     TYPE(draft.efa_interfaces)},
    {{2, {"NetworkInfo", "MaximumNetworkInterfaces"}}, FIELD_COUNT, TYPE(interfaces)},
    {{2, {"NetworkInfo", "Ipv4AddressesPerInterface"}}, FIELD_COUNT, TYPE(addresses)},
    {{2, {"NetworkInfo", "DefaultNetworkCardIndex"}}, FIELD_COUNT, TYPE(default_card)},
    {{4, {"NetworkInfo", "NetworkCards", ITEM, "NetworkCardIndex"}}, FIELD_COUNT, TYPE(card)},
    {{4, {"NetworkInfo", "NetworkCards", ITEM, "MaximumNetworkInterfaces"}},
     FIELD_COUNT,
     TYPE(card_interfaces)},
    {{4, {"NetworkInfo", "NetworkCards", ITEM, "BaselineBandwidthInGbps"}},
     FIELD_REAL,
     TYPE(card_gbps)},
};

static const struct field spot_fields[] = {
    {{1, {"AvailabilityZone"}}, FIELD_TEXT, SPOT(zone)},
    {{1, {"InstanceType"}}, FIELD_TEXT, SPOT(type)},
    {{1, {"ProductDescription"}}, FIELD_TEXT, SPOT(product)},
    {{1, {"SpotPrice"}}, FIELD_TEXT, SPOT(usd)},
    {{1, {"Timestamp"}}, FIELD_TEXT, SPOT(time)},
};

enum {
    N_TYPE_FIELDS = sizeof type_fields / sizeof type_fields[0],
    N_SPOT_FIELDS = sizeof spot_fields / sizeof spot_fields[0],
    RECORD_DEPTH = 2, /* "InstanceTypes", "[]" */
};

static bool refuse(struct aws *aws, unsigned line, const char *name, const char *text)
{
    struct catalog_place place = rows_place(aws->rows, line, 0);

    (void)rows_error(aws->e, &place, "%s cannot be '%.60s'", name, text);
    return false;
}

static bool put(void *record, const struct field *f, const char *text)
{
    void *at = (char *)record + f->offset;
    uint64_t number = 0;

    switch (f->kind) {
    case FIELD_TEXT:
        return text_copy(at, DRAFT_TEXT_SIZE, text);
    case FIELD_REAL:
        return rows_usd(at, text);
    case FIELD_COUNT:
        if (!text_uint(&number, text, UINT_MAX))
            return false;
        *(unsigned *)at = (unsigned)number;
        return true;
    case FIELD_SIZE:
        return text_uint(at, text, UINT64_C(1) << 40);
    }
    return false;
}

/* The path below the record. */
static bool below(const struct field *f, const struct json_path *path)
{
    if (path->depth != f->path.depth + RECORD_DEPTH)
        return false;
    for (unsigned i = f->path.depth; i-- > 0;)
        if (strcmp(f->path.keys[i], path->keys[i + RECORD_DEPTH]) != 0)
            return false;
    return true;
}

static bool read_field(struct aws *aws, const struct json_stream *s, const struct field *fields,
                       size_t n, void *record, const char *text)
{
    const struct json_path *path = json_stream_path(s);

    for (size_t i = 0; i < n; i++)
        if (below(&fields[i], path))
            return strcmp(text, "null") == 0 || put(record, &fields[i], text) ||
                   refuse(aws, json_stream_line(s), path->keys[path->depth - 1], text);
    return true;
}

static bool at(const struct json_path *path, unsigned depth, const char *key)
{
    return path->depth == depth && strcmp(path->keys[depth - 1], key) == 0;
}

/* What is no plain field. */
static void read_type_words(struct aws_type *t, const struct json_path *path, const char *text)
{
    if (at(path, 3, "CurrentGeneration"))
        t->draft.old = strcmp(text, "false") == 0;
    else if (at(path, 4, "NvmeSupport"))
        t->no_nvme = strcmp(text, "unsupported") == 0;
    else if (path->depth == 5 && strcmp(path->keys[3], "SupportedArchitectures") == 0) {
        if (strcmp(text, "x86_64") == 0)
            (void)TEXT_COPY(t->draft.arch, "amd64");
        else if (strcmp(text, "arm64") == 0)
            (void)TEXT_COPY(t->draft.arch, "arm64");
        else
            t->other_arch = true;
    }
}

static bool in_types(const struct json_path *path)
{
    return path->depth >= RECORD_DEPTH && strcmp(path->keys[0], "InstanceTypes") == 0;
}

static bool in_spots(const struct json_path *path)
{
    return path->depth >= RECORD_DEPTH && strcmp(path->keys[0], "SpotPriceHistory") == 0;
}

bool aws_value(struct aws *aws, const struct json_stream *s, const char *text)
{
    const struct json_path *path = json_stream_path(s);

    if (in_types(path)) {
        read_type_words(&aws->type, path, text);
        return read_field(aws, s, type_fields, N_TYPE_FIELDS, &aws->type, text);
    }
    if (in_spots(path))
        return read_field(aws, s, spot_fields, N_SPOT_FIELDS, &aws->spot, text);
    return true;
}

static void begin_card(struct aws_type *t)
{
    t->card = t->card_interfaces = 0;
    t->card_gbps = 0;
}

bool aws_begin(struct aws *aws, const struct json_stream *s)
{
    const struct json_path *path = json_stream_path(s);

    if (in_types(path) && path->depth == RECORD_DEPTH)
        aws->type = (struct aws_type){.line = json_stream_line(s)};
    else if (in_types(path) && path->depth == 5 && strcmp(path->keys[3], "Gpus") == 0)
        aws->type.gpu_kinds++;
    else if (in_types(path) && path->depth == 5 && strcmp(path->keys[3], "NetworkCards") == 0)
        begin_card(&aws->type);
    else if (in_spots(path) && path->depth == RECORD_DEPTH)
        aws->spot = (struct aws_spot){.line = json_stream_line(s)};
    return true;
}

static void end_card(struct aws_type *t)
{
    t->gbps += t->card_gbps;
    if (t->card == t->default_card)
        t->default_interfaces = t->card_interfaces;
}

/* The VPC CNI takes its addresses from the default card. */
static bool end_type(struct aws *aws)
{
    struct aws_type *t = &aws->type;
    struct catalog_place place = rows_place(aws->rows, t->line, 0);
    unsigned interfaces = t->default_interfaces ? t->default_interfaces : t->interfaces;

    if (!*t->draft.arch && t->other_arch) /* mac and 32 bits: no nodes */
        return true;
    if (t->gpu_kinds > 1) {
        (void)rows_error(aws->e, &place, "'%s' has more than one kind of GPU", t->draft.name);
        return false;
    }
    if (interfaces > 1024 || t->addresses > 1024) {
        (void)rows_error(aws->e, &place, "'%s' cannot have %u interfaces with %u addresses",
                         t->draft.name, interfaces, t->addresses);
        return false;
    }
    t->draft.max_pods = draft_pods(interfaces, t->addresses);
    t->draft.network_mbps = t->gbps < 1e6 ? (uint64_t)(t->gbps * 1000 + 0.5) : 0;
    if (t->no_nvme)
        t->draft.local_nvme_gb = 0;
    return draft_add(&t->draft, aws->rows, aws->now, &place, aws->e) == 0;
}

static bool no_memory(struct aws *aws)
{
    (void)err_memory(aws->e);
    return false;
}

static bool first_spot(struct aws *aws, const struct price_row *row, const char *key)
{
    struct arena *a = rows_arena(aws->rows);
    struct aws_latest *grown = arena_grow(a, aws->latest, aws->n_latest, sizeof *grown);

    if (!grown)
        return no_memory(aws);
    aws->latest = grown;
    grown[aws->n_latest] = (struct aws_latest){aws->rows->n_prices, arena_text(a, aws->spot.time)};
    if (rows_add_price(aws->rows, row, aws->e) < 0)
        return false;
    return (!a->failed && text_map_add(&aws->spots, a, key, aws->n_latest++)) || no_memory(aws);
}

/* Keeps the row of a type and zone that is the latest by "2026-08-01T12:00:00". */
static bool keep_spot(struct aws *aws, const struct price_row *row, const char *key)
{
    struct arena *a = rows_arena(aws->rows);
    const size_t *known = text_map_find(&aws->spots, key);
    const struct aws_spot *spot = &aws->spot;
    struct aws_latest *latest;
    struct price_row *kept;
    int order;

    if (!known)
        return first_spot(aws, row, key);
    latest = &aws->latest[*known];
    kept = &aws->rows->prices[latest->row];
    order = strncmp(latest->time, spot->time, strlen("2026-08-01T12:00:00"));
    if (order == 0 && kept->price.usd_per_hour != row->price.usd_per_hour) {
        (void)rows_error(aws->e, &row->place,
                         "'%s' costs %s in %s, but %g at the same time by line %u", spot->type,
                         spot->usd, spot->zone, kept->price.usd_per_hour, kept->place.line);
        return false;
    }
    if (order >= 0)
        return true;
    if (rows_judge_price(row, aws->e) < 0)
        return false;
    kept->price.usd_per_hour = row->price.usd_per_hour;
    kept->price.date = arena_text(a, row->price.date);
    kept->place = row->place;
    latest->time = arena_text(a, spot->time);
    return !a->failed || no_memory(aws);
}

static bool end_spot(struct aws *aws)
{
    const struct aws_spot *spot = &aws->spot;
    char region[CATALOG_REGION_SIZE], key[2 * DRAFT_TEXT_SIZE], date[11] = "";
    struct price_row row = {
        .type = spot->type, .percent_off = -1, .place = rows_place(aws->rows, spot->line, 0)};

    if (*spot->product && !text_starts(spot->product, "Linux/UNIX"))
        return true;
    if (!catalog_content_find(aws->now, spot->type)) {
        aws->n_spots_unknown++;
        return true;
    }
    if (!catalog_zone_region(region, spot->zone))
        return refuse(aws, spot->line, "AvailabilityZone", spot->zone);
    if (!rows_usd(&row.price.usd_per_hour, spot->usd))
        return refuse(aws, spot->line, "SpotPrice", spot->usd);
    (void)snprintf(date, sizeof date, "%.10s", spot->time);
    row.price.date = date;
    if (price_day(&row.price) == 0)
        return refuse(aws, spot->line, "Timestamp", spot->time);
    row.price.region = region;
    row.price.zone = spot->zone;
    row.price.purchase = PURCHASE_SPOT;
    row.price.basis = "price history";
    (void)snprintf(key, sizeof key, "%s %s", spot->type, spot->zone);
    return keep_spot(aws, &row, key);
}

bool aws_end(struct aws *aws, const struct json_stream *s)
{
    const struct json_path *path = json_stream_path(s);

    if (in_types(path) && path->depth == 5 && strcmp(path->keys[3], "NetworkCards") == 0)
        end_card(&aws->type);
    else if (in_types(path) && path->depth == RECORD_DEPTH)
        return end_type(aws);
    else if (in_spots(path) && path->depth == RECORD_DEPTH)
        return end_spot(aws);
    return true;
}
