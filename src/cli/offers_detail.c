/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is known of a type. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cli/offers.h"
#include "cli/report.h"
#include "cli/table.h"

static void print_gpu(const struct instance_type *t)
{
    if (t->gpus == 0) {
        (void)printf("  GPUs    %s\n", *t->gpu_product ? "nobody told how many" : "none");
    } else if (t->gpu_part < 1) {
        (void)printf("  GPUs    %g of one %s, %llu MiB; Karpenter counts no GPU on it, so an "
                     "overlay must add nvidia.com/gpu\n",
                     t->gpu_part, t->gpu_product, (unsigned long long)t->gpu_memory_mib);
    } else {
        (void)printf("  GPUs    %u x %s, %llu MiB each\n", t->gpus, t->gpu_product,
                     (unsigned long long)t->gpu_memory_mib);
    }
    if (*t->gpu_product)
        (void)printf("  model   %s, compute capability %s%s%s\n", t->gpu_architecture,
                     t->compute_capability, *t->ami ? ", AL2023 NVIDIA image for " : "", t->ami);
    if (!t->mig)
        (void)printf("  MIG     none\n");
    else
        (void)printf("  MIG     %s%s, driver %s or newer%s\n", t->board ? t->board : "",
                     t->geometry ? "" : " (placements not known)", t->mig_min_driver,
                     t->geometry ? "" : "; counts are NVIDIA's word");
}

static void print_node(const struct instance_type *t)
{
    static const char *const keys[] = {"category", "family",   "generation", "size",      "cpu",
                                       "memory",   "gpu-name", "gpu-count",  "gpu-memory"};
    char value[CATALOG_LABEL_SIZE];

    if (!offers_sized(t)) {
        (void)printf("  node    nobody told its size\n");
        return;
    }
    (void)printf("  node    %u vCPUs (%s, %s), %llu MiB, %llu GB NVMe, ", t->vcpus, t->arch,
                 *t->cpu_manufacturer ? t->cpu_manufacturer : "?",
                 (unsigned long long)t->memory_mib, (unsigned long long)t->local_nvme_gb);
    if (t->network_mbps > 0)
        (void)printf("%llu Mbps, ", (unsigned long long)t->network_mbps);
    (void)printf("%u EFA%s\n", t->efa_interfaces, t->legacy ? "; an old generation" : "");
    (void)printf(
        "  pods    %.2f CPUs, %llu MiB, %u pods, nvidia.com/gpu %u (Karpenter's reckoning)\n",
        t->allocatable_milli_cpu / 1000.0, (unsigned long long)t->allocatable_memory_mib,
        t->max_pods, t->catalog_gpus);
    (void)printf("  labels  karpenter.k8s.aws/instance-:");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char key[CATALOG_LABEL_SIZE];

        (void)snprintf(key, sizeof key, "karpenter.k8s.aws/instance-%s", keys[i]);
        if (catalog_label(value, t, key))
            (void)printf("%s %s=%s", strcmp(keys[i], "gpu-name") == 0 ? "\n         " : "", keys[i],
                         value);
    }
    (void)fputc('\n', stdout);
}

static void print_quotas(const struct catalog *c, const struct offers_query *q,
                         const struct instance_type *t)
{
    for (unsigned p = PURCHASE_ON_DEMAND; p <= PURCHASE_SPOT; p++) {
        const struct quota *quota = catalog_quota(c, t, q->region, (enum purchase)p);

        if (quota && t->vcpus > 0)
            (void)printf("  quota   %u vCPUs %s in %s: %u of these nodes, if no other runs\n",
                         quota->vcpus, purchase_name(quota->purchase), quota->region,
                         quota->vcpus / t->vcpus);
    }
}

static int print_ways(const struct catalog *c, const struct offers_query *q,
                      const struct instance_type *t, const struct price *price)
{
    static const char *const heads[] = {"WAY",        ">MiB",       ">PER GPU",     ">SLICES",
                                        ">USD/SLICE", "A GPU EACH", ">CHEAPER FROM"};
    struct way ways[WAYS_MAX];
    size_t n = ways_list(ways, t, q->memory_mib ? q->memory_mib : OFFERS_PART_MIB);
    struct table table;
    struct err e = {0};
    int r;

    if (n == 0)
        return REPORT_FINE;
    (void)fputc('\n', stdout);
    table_init(&table, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < n; i++) {
        struct way_rival rival = {0};

        table_cell(&table, "%s", ways[i].name);
        offers_memory_cell(&table, &ways[i]);
        table_cell(&table, "%u", ways[i].per_gpu);
        table_cell(&table, "%u", ways[i].per_node);
        offers_usd_cell(&table, price, ways[i].per_node);
        if (price && way_rival(&rival, c, t, &ways[i], price))
            table_cell(&table, "%s %.4f", rival.type->name, rival.price->usd_per_hour);
        else
            table_cell(&table, "-");
        offers_break_even_cell(&table, &ways[i], &rival);
    }
    r = table_print(&table, stdout, &e);
    table_done(&table);
    if (*ways[n - 1].layout)
        (void)printf("%s: %s on each GPU\n", ways[n - 1].name, ways[n - 1].layout);
    return r < 0 ? report_error(&e) : REPORT_FINE;
}

static int print_prices(const struct instance_type *t)
{
    static const char *const heads[] = {"REGION", "PURCHASE", ">USD/H", "SEEN", "BASIS"};
    struct table table;
    struct err e = {0};
    int r;

    (void)fputc('\n', stdout);
    table_init(&table, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < t->n_prices; i++) {
        const struct price *p = &t->prices[i];
        char text[OFFERS_TEXT_SIZE];

        table_cell(&table, "%s", p->region);
        table_cell(&table, "%s%s%s", purchase_name(p->purchase), *p->zone ? " " : "", p->zone);
        table_cell(&table, "%.4f", p->usd_per_hour);
        table_cell(&table, "%s", offers_date(text, p));
        table_cell(&table, "%s", p->basis);
    }
    for (size_t i = 0; i < t->n_absences; i++) {
        table_cell(&table, "%s", t->absences[i].region);
        table_cell(&table, "%s", t->absences[i].zone);
        table_cell(&table, "-");
        table_cell(&table, "%s", "");
        table_cell(&table, "not sold there");
    }
    if (t->n_prices + t->n_absences == 0)
        (void)printf("no price is known\n");
    r = table_print(&table, stdout, &e);
    table_done(&table);
    return r < 0 ? report_error(&e) : REPORT_FINE;
}

static void print_legend(const struct offers_query *q, const struct offer *offers, size_t n)
{
    bool stale = false, slices = false;

    for (size_t i = 0; i < n; i++) {
        slices |= offers[i].type->gpus > 0;
        for (size_t p = 0; p < offers[i].type->n_prices; p++)
            stale |= offers_stale(&offers[i].type->prices[p]);
    }
    if (slices || stale)
        (void)fputc('\n', stdout);
    if (slices)
        (void)printf("Slices at the price in %s, all in use. Time-slices are counted by memory, "
                     "but limit nothing.\n"
                     "A GPU EACH: the cheapest node with one GPU for each slice instead; CHEAPER "
                     "FROM so many slices in use.\n",
                     q->region);
    if (stale)
        (void)printf("* seen more than %d days ago, or on some day of that half: lay newer prices "
                     "over them with --file.\n",
                     CATALOG_STALE_DAYS);
}

int offers_detail(const struct catalog *c, const struct offers_query *q, const struct offer *offers,
                  size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct instance_type *t = offers[i].type;

        if (i > 0)
            (void)fputc('\n', stdout);
        (void)printf("%s%s%s\n", report_bold(stdout), t->name, report_plain(stdout));
        print_gpu(t);
        print_node(t);
        print_quotas(c, q, t);
        if (print_ways(c, q, t, offers[i].price) != REPORT_FINE || print_prices(t) != REPORT_FINE)
            return REPORT_FAILED;
    }
    if (n > 0)
        print_legend(q, offers, n);
    return report_finish();
}
