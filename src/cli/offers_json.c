/* SPDX-License-Identifier: Apache-2.0 */
/* Offers for programs: JSON with everything, CSV (RFC 4180) with a line an offer. */
#include <stdio.h>
#include <string.h>

#include "cli/offers.h"
#include "cli/report.h"

static void json_price(struct json *j, const char *key, const struct price *p)
{
    if (!p) {
        json_string(j, key, NULL);
        return;
    }
    json_object(j, key);
    json_string(j, "region", p->region);
    json_string(j, "zone", *p->zone ? p->zone : NULL);
    json_string(j, "purchase", purchase_name(p->purchase));
    json_real(j, "usd_per_hour", p->usd_per_hour);
    json_string(j, "date", *p->date ? p->date : NULL);
    json_string(j, "basis", p->basis);
    json_bool(j, "stale", offers_stale(p));
    json_object_end(j);
}

static const char *kind_name(enum way_kind kind)
{
    switch (kind) {
    case WAY_WHOLE:
        return "whole";
    case WAY_TIME:
        return "time-slice";
    case WAY_MIG:
        return "mig";
    case WAY_BALANCED:
        return "mig-balanced";
    }
    return "";
}

static void json_way(struct json *j, const char *key, const struct catalog *c,
                     const struct instance_type *t, const struct way *w, const struct price *p)
{
    struct way_rival rival;

    json_object(j, key);
    json_string(j, "kind", kind_name(w->kind));
    json_string(j, "name", w->name);
    json_uint(j, "slices_per_gpu", w->per_gpu);
    json_uint(j, "slices_per_node", w->per_node);
    json_uint(j, "slice_memory_mib", w->slice_mib);
    json_bool(j, "limited", w->kind != WAY_TIME);
    if (*w->layout)
        json_string(j, "layout", w->layout);
    if (p)
        json_real(j, "usd_per_slice_hour", way_slice_usd(w, p->usd_per_hour));
    if (p && way_rival(&rival, c, t, w, p)) {
        json_object(j, "break_even");
        json_string(j, "type", rival.type->name);
        json_real(j, "usd_per_hour", rival.price->usd_per_hour);
        json_uint(j, "slices", rival.from);
        json_bool(j, "reachable", rival.from <= w->per_node);
        json_object_end(j);
    }
    json_object_end(j);
}

/* null where nobody told the number */
static void json_known(struct json *j, const char *key, uint64_t number, bool known)
{
    if (known)
        json_uint(j, key, number);
    else
        json_string(j, key, NULL);
}

static void json_hardware(struct json *j, const struct instance_type *t)
{
    bool sized = offers_sized(t);

    json_string(j, "type", t->name);
    json_string(j, "family", t->family);
    json_string(j, "size", t->size);
    json_string(j, "arch", t->arch);
    json_string(j, "cpu_manufacturer", t->cpu_manufacturer);
    json_string(j, "hypervisor", t->hypervisor);
    json_known(j, "vcpus", t->vcpus, sized);
    json_known(j, "memory_mib", t->memory_mib, sized);
    json_known(j, "local_nvme_gb", t->local_nvme_gb, sized);
    json_known(j, "network_mbps", t->network_mbps, t->network_mbps > 0);
    json_known(j, "efa_interfaces", t->efa_interfaces, sized);
    json_known(j, "allocatable_milli_cpu", t->allocatable_milli_cpu, sized);
    json_known(j, "allocatable_memory_mib", t->allocatable_memory_mib, sized);
    json_known(j, "max_pods", t->max_pods, sized);
    json_bool(j, "legacy", t->legacy);
    json_string(j, "ami", *t->ami ? t->ami : NULL);
}

static void json_gpu(struct json *j, const struct instance_type *t)
{
    bool sized = offers_sized(t);

    json_object(j, "gpu");
    json_known(j, "count", t->gpus, sized);
    json_real(j, "part", t->gpu_part);
    json_string(j, "name", t->gpu_name);
    json_string(j, "manufacturer", t->gpu_manufacturer);
    json_string(j, "product", t->gpu_product);
    json_string(j, "architecture", t->gpu_architecture);
    json_string(j, "compute_capability", t->compute_capability);
    json_known(j, "memory_mib", t->gpu_memory_mib, sized);
    json_known(j, "label_count", t->label_gpu_count, sized);
    json_known(j, "karpenter_capacity", t->catalog_gpus, sized);
    json_bool(j, "mig", t->mig);
    json_string(j, "mig_board", t->board);
    json_bool(j, "mig_geometry_known", t->geometry != NULL);
    json_string(j, "mig_min_driver", *t->mig_min_driver ? t->mig_min_driver : NULL);
    json_object(j, "mig_profiles");
    for (size_t i = 0; i < t->n_mig_profiles; i++)
        json_uint(j, t->mig_profiles[i].name, t->mig_profiles[i].per_gpu);
    json_object_end(j);
    json_object_end(j);
}

static void json_prices(struct json *j, const struct instance_type *t)
{
    json_array(j, "prices");
    for (size_t i = 0; i < t->n_prices; i++)
        json_price(j, NULL, &t->prices[i]);
    json_array_end(j);
    json_array(j, "not_sold");
    for (size_t i = 0; i < t->n_absences; i++) {
        json_object(j, NULL);
        json_string(j, "region", t->absences[i].region);
        json_string(j, "zone", *t->absences[i].zone ? t->absences[i].zone : NULL);
        json_object_end(j);
    }
    json_array_end(j);
}

static void json_offer(struct json *j, const struct catalog *c, const struct offers_query *q,
                       const struct offer *o)
{
    struct way ways[WAYS_MAX];
    size_t n = ways_list(ways, o->type, q->memory_mib ? q->memory_mib : OFFERS_PART_MIB);

    json_object(j, NULL);
    json_hardware(j, o->type);
    json_gpu(j, o->type);
    json_price(j, "price", o->price);
    if (o->has_way)
        json_way(j, "way", c, o->type, &o->way, o->price);
    if (!o->has_way || !q->ways) {
        json_array(j, "ways");
        for (size_t i = 0; i < n; i++)
            json_way(j, NULL, c, o->type, &ways[i], o->price);
        json_array_end(j);
        json_prices(j, o->type);
    }
    json_object_end(j);
}

int offers_json(const struct catalog *c, const struct offers_query *q, const struct offer *offers,
                size_t n)
{
    struct report_document d;

    report_begin(&d);
    json_string(&d.json, "date", catalog_date(c));
    json_string(&d.json, "region", q->region);
    json_array(&d.json, "offers");
    for (size_t i = 0; i < n; i++)
        json_offer(&d.json, c, q, &offers[i]);
    json_array_end(&d.json);
    return report_end(&d);
}

/* Quotes where a comma, a quote or a line's end would be taken for the table's own. */
static void field(struct buf *b, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        buf_text(b, text);
        return;
    }
    buf_char(b, '"');
    for (; *text; text++) {
        if (*text == '"')
            buf_char(b, '"');
        buf_char(b, *text);
    }
    buf_char(b, '"');
}

static void fields(struct buf *b, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        field(b, texts[i]);
        buf_char(b, ',');
    }
}

static void csv_price(struct buf *b, const struct price *p)
{
    if (!p) {
        buf_text(b, ",,,,,");
        return;
    }
    fields(b, (const char *const[]){p->zone, purchase_name(p->purchase)}, 2);
    buf_printf(b, "%.9g,", p->usd_per_hour);
    fields(b, (const char *const[]){p->date, p->basis}, 2);
}

static void csv_known(struct buf *b, uint64_t number, bool known)
{
    if (known)
        buf_printf(b, "%llu", (unsigned long long)number);
    buf_char(b, ',');
}

static void csv_offer(struct buf *b, const struct offers_query *q, const struct offer *o)
{
    const struct instance_type *t = o->type;
    bool sized = offers_sized(t);

    fields(b, (const char *const[]){t->name, q->region}, 2);
    csv_price(b, o->price);
    csv_known(b, t->gpus, sized);
    buf_printf(b, "%g,", t->gpu_part);
    fields(b, (const char *const[]){t->gpu_name, t->arch}, 2);
    csv_known(b, t->gpu_memory_mib, sized);
    csv_known(b, t->vcpus, sized);
    csv_known(b, t->memory_mib, sized);
    csv_known(b, t->allocatable_milli_cpu, sized);
    csv_known(b, t->allocatable_memory_mib, sized);
    csv_known(b, t->max_pods, sized);
    if (o->has_way) {
        field(b, o->way.name);
        buf_printf(b, ",%u,%u,%llu,", o->way.per_gpu, o->way.per_node,
                   (unsigned long long)o->way.slice_mib);
        if (o->price)
            buf_printf(b, "%.9g", o->slice_usd);
    } else {
        buf_text(b, ",,,,");
    }
    buf_text(b, "\r\n");
}

int offers_csv(const struct offers_query *q, const struct offer *offers, size_t n)
{
    struct buf b;
    int code;

    buf_init(&b, 64 << 20);
    buf_text(&b, "type,region,zone,purchase,usd_per_hour,date,basis,gpus,gpu_part,gpu,arch,"
                 "gpu_memory_mib,vcpus,memory_mib,allocatable_milli_cpu,allocatable_memory_mib,"
                 "max_pods,way,slices_per_gpu,slices_per_node,slice_memory_mib,"
                 "usd_per_slice_hour\r\n");
    for (size_t i = 0; i < n; i++)
        csv_offer(&b, q, &offers[i]);
    code = report_text(&b);
    buf_done(&b);
    return code;
}
