/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files over the catalogue: each format of AWS's as its documentation has it, the user's own, and
 * everything that contradicts something.
 */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "cost/ways.h"

struct fixture {
    struct catalog *c;
    char path[64];
    struct err e;
};

static int open_catalog(void **state)
{
    static struct fixture f;
    int fd;

    f = (struct fixture){.path = "/tmp/carve-catalog-XXXXXX"};
    fd = mkstemp(f.path);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(catalog_open(&f.c, &f.e), 0);
    *state = &f;
    return 0;
}

static int close_catalog(void **state)
{
    struct fixture *f = *state;

    catalog_free(f->c);
    (void)unlink(f->path);
    return 0;
}

static int add(struct fixture *f, const char *text)
{
    FILE *file = fopen(f->path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    f->e = (struct err){0};
    return catalog_add(f->c, f->path, &f->e);
}

static void takes(struct fixture *f, const char *text)
{
    if (add(f, text) < 0)
        fail_msg("%s", f->e.msg);
}

/* The words stand in the error, and nothing changes. */
static void refuses(struct fixture *f, const char *text, const char *words)
{
    const struct instance_type *before = catalog_at(f->c, 0);

    if (add(f, text) == 0)
        fail_msg("taken: %s", text);
    if (!strstr(f->e.msg, words))
        fail_msg("'%s' is not in: %s", words, f->e.msg);
    assert_ptr_equal(catalog_at(f->c, 0), before);
}

static double usd(const struct fixture *f, const char *type, const char *region,
                  enum purchase purchase)
{
    const struct price *p = catalog_price(catalog_find(f->c, type), region, 1u << purchase);

    return p ? p->usd_per_hour : -1;
}

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-9;
}

/* A type with placeholders for what tests change. */
#define TYPE(name, vcpus, arch, gpus)                                                              \
    "{\"InstanceType\": \"" name "\", \"CurrentGeneration\": true, \"BareMetal\": false,\n"        \
    " \"Hypervisor\": \"nitro\",\n"                                                                \
    " \"ProcessorInfo\": {\"SupportedArchitectures\": [" arch "], \"Manufacturer\": \"AMD\"},\n"   \
    " \"VCpuInfo\": {\"DefaultVCpus\": " vcpus ", \"DefaultCores\": 2},\n"                         \
    " \"MemoryInfo\": {\"SizeInMiB\": 16384},\n"                                                   \
    " \"InstanceStorageInfo\": {\"TotalSizeInGB\": 250, \"NvmeSupport\": \"required\"},\n"         \
    " \"NetworkInfo\": {\"NetworkPerformance\": \"Up to 10 Gigabit\",\n"                           \
    "   \"MaximumNetworkInterfaces\": 4, \"MaximumNetworkCards\": 1,\n"                            \
    "   \"DefaultNetworkCardIndex\": 0, \"Ipv4AddressesPerInterface\": 15,\n"                      \
    "   \"NetworkCards\": [{\"NetworkCardIndex\": 0, \"MaximumNetworkInterfaces\": 4,\n"           \
    "     \"BaselineBandwidthInGbps\": 2.5, \"PeakBandwidthInGbps\": 10.0}],\n"                    \
    "   \"EfaSupported\": true, \"EfaInfo\": {\"MaximumEfaInterfaces\": 1}}" gpus "}"
#define GPU(name, count, memory, total)                                                            \
    ",\n \"GpuInfo\": {\"Gpus\": [{\"Name\": \"" name "\", \"Manufacturer\": \"NVIDIA\",\n"        \
    "   \"Count\": " count ", \"MemoryInfo\": {\"SizeInMiB\": " memory "}}],\n"                    \
    "   \"TotalGpuMemoryInMiB\": " total "}"
#define TYPES(list) "{\"InstanceTypes\": [" list "]}\n"
#define L4 GPU("L4", "1", "22888", "22888")
#define AMD64 "\"x86_64\""

static void takes_instance_types(void **state)
{
    struct fixture *f = *state;
    const struct instance_type *t;

    takes(f, TYPES(TYPE("g8.xlarge", "4", AMD64, L4) ",\n" TYPE("c9.xlarge", "4", AMD64, "")));
    t = catalog_find(f->c, "g8.xlarge");
    assert_string_equal(t->family, "g8");
    assert_string_equal(t->size, "xlarge");
    assert_string_equal(t->arch, "amd64");
    assert_string_equal(t->cpu_manufacturer, "amd");
    assert_int_equal(t->vcpus, 4);
    assert_int_equal(t->max_pods, 58);
    assert_int_equal(t->allocatable_milli_cpu, 3920);
    assert_int_equal(t->allocatable_memory_mib, 14162); /* as g6.xlarge */
    assert_int_equal(t->network_mbps, 2500);
    assert_int_equal(t->local_nvme_gb, 250);
    assert_int_equal(t->efa_interfaces, 1);
    assert_string_equal(t->gpu_name, "l4");
    assert_string_equal(t->gpu_product, "NVIDIA L4");
    assert_string_equal(t->compute_capability, "8.9");
    assert_int_equal(t->catalog_gpus, 1);
    assert_false(t->mig);
    assert_int_equal(t->n_prices, 0);
    assert_int_equal(catalog_find(f->c, "c9.xlarge")->gpus, 0);
    assert_true(catalog_has_family(f->c, "c9"));
    assert_string_equal(catalog_find(f->c, "g4dn.xlarge")->name, "g4dn.xlarge");
}

static void a_known_type_keeps_what_the_file_does_not_tell(void **state)
{
    struct fixture *f = *state;
    const struct instance_type *t;

    takes(f, TYPES(TYPE("g6.xlarge", "4", AMD64, L4)));
    t = catalog_find(f->c, "g6.xlarge");
    assert_string_equal(t->ami, "x86_64");
    assert_int_equal(t->efa_interfaces, 1);
    assert_true(near(usd(f, "g6.xlarge", "us-east-1", PURCHASE_ON_DEMAND), 0.8048));
    assert_int_equal(catalog_sold(t, "eu-west-1", NULL), SOLD_NO);
    assert_null(catalog_at(f->c, 76));
}

static void a_new_type_has_the_mig_of_its_gpu(void **state)
{
    struct fixture *f = *state;
    const struct instance_type *t;

    takes(f, TYPES(TYPE("p9.xlarge", "4", AMD64, GPU("H100", "1", "81920", "81920"))));
    t = catalog_find(f->c, "p9.xlarge");
    assert_true(t->mig && t->geometry);
    assert_string_equal(t->board, "h100-80gb-sxm");
    assert_ptr_equal(t->geometry, catalog_find(f->c, "p5.4xlarge")->geometry);
}

static void a_part_of_a_gpu_has_no_mig_and_no_count(void **state)
{
    struct fixture *f = *state;
    const struct instance_type *t;

    takes(f,
          TYPES(TYPE("g8f.xlarge", "4", AMD64,
                     ", \"GpuInfo\": {\"Gpus\": [{\"Name\": \"L4\", \"Manufacturer\": \"NVIDIA\","
                     "\"Count\": 0, \"LogicalGpuCount\": 1, \"GpuPartitionSize\": 0.125,"
                     "\"MemoryInfo\": {\"SizeInMiB\": 2861}}], \"TotalGpuMemoryInMiB\": 2861}")));
    t = catalog_find(f->c, "g8f.xlarge");
    assert_int_equal(t->gpus, 1);
    assert_true(near(t->gpu_part, 0.125));
    assert_int_equal(t->label_gpu_count, 0);
    assert_int_equal(t->catalog_gpus, 0);
    assert_string_equal(t->gpu_product, "NVIDIA L4");
    takes(f,
          TYPES(TYPE("p9f.xlarge", "4", AMD64,
                     ", \"GpuInfo\": {\"Gpus\": [{\"Name\": \"H100\", \"Manufacturer\": \"NVIDIA\","
                     "\"Count\": 0, \"LogicalGpuCount\": 1, \"GpuPartitionSize\": 0.125,"
                     "\"MemoryInfo\": {\"SizeInMiB\": 10240}}]}")));
    t = catalog_find(f->c, "p9f.xlarge");
    assert_string_equal(t->gpu_product, "NVIDIA H100 SXM5");
    assert_true(!t->mig && !t->board && !t->geometry);
}

static void refuses_types_that_contradict(void **state)
{
    struct fixture *f = *state;

    refuses(
        f, TYPES(TYPE("g6.xlarge", "4", AMD64, GPU("L4", "2", "22888", "45776"))),
        ":1: 'g6.xlarge' has 2 x l4 of 22888 MiB, but 1 x l4 of 22888 MiB by the built-in table");
    refuses(f, TYPES(TYPE("g6.xlarge", "8", AMD64, L4)),
            "8 vCPUs and 16384 MiB (amd64), but 4 and");
    refuses(f, TYPES(TYPE("g6.xlarge", "4", "\"arm64\"", L4)), "(arm64), but 4 and 16384 (amd64)");
    refuses(f,
            TYPES(TYPE("g8.xlarge", "4", AMD64, L4) ",\n" TYPE("g8.xlarge", "4", AMD64,
                                                               GPU("T4", "1", "16384", "16384"))),
            ":16: 'g8.xlarge' has 1 x t4 of 16384 MiB, but 1 x l4 of 22888 MiB by /tmp/");
    refuses(f, TYPES(TYPE("g8.xlarge", "4", AMD64, GPU("L4", "2", "22888", "22888"))),
            "2 x 22888 MiB of GPU memory, but 22888 in total");
    refuses(f, TYPES(TYPE("g8.xlarge", "4", AMD64, "")), "'g8.xlarge' has no GPU");
    refuses(f, TYPES(TYPE("gr8.xlarge", "4", AMD64, "")), "has no GPU");
    refuses(f, TYPES(TYPE("p9.xlarge", "4", AMD64, "")), "has no GPU");
    refuses(f, TYPES(TYPE("g8.xlarge", "0", AMD64, L4)), "cannot have 0 vCPUs");
    refuses(f, TYPES(TYPE("g8.xlarge", "-4", AMD64, L4)), "DefaultVCpus cannot be '-4'");
    refuses(f, TYPES(TYPE("g8 xlarge", "4", AMD64, L4)), "is no name of an instance type");
    refuses(f, TYPES(TYPE("g8.xlarge", "4", AMD64, GPU("", "1", "1", "1"))), "without name");
    refuses(f, TYPES(TYPE("g8.xlarge", "4", AMD64, GPU("L4", "99", "1", "99"))), "99 GPUs");
    assert_null(catalog_find(f->c, "g8.xlarge"));
}

#define SPOT(zone, type, product, price, time)                                                     \
    "{\"AvailabilityZone\": \"" zone "\", \"InstanceType\": \"" type "\",\n"                       \
    " \"ProductDescription\": \"" product "\", \"SpotPrice\": \"" price "\",\n"                    \
    " \"Timestamp\": \"" time "\"}"
#define SPOTS(list) "{\"SpotPriceHistory\": [" list "]}"
#define LINUX(zone, usd, time) SPOT(zone, "g6.xlarge", "Linux/UNIX", usd, time)
#define OLDER LINUX("us-east-1a", "0.41", "2026-10-01T00:00:00+00:00")
#define LATEST LINUX("us-east-1a", "0.52", "2026-10-02T09:30:00Z")
#define OLDEST LINUX("us-east-1a", "0.30", "2026-09-02T09:30:00Z")
#define DEARER_ZONE LINUX("us-east-1b", "0.60", "2026-10-01T00:00:00Z")
#define WINDOWS SPOT("us-east-1b", "g6.xlarge", "Windows", "0.01", "2026-10-03T00:00:00Z")
#define UNKNOWN SPOT("us-east-1b", "c5.large", "Linux/UNIX", "0.01", "2026-10-03T00:00:00Z")

static void keeps_the_latest_spot_price_of_each_zone(void **state)
{
    struct fixture *f = *state;
    const struct price *p;

    takes(f, SPOTS(OLDER ", " LATEST ", " OLDEST ", " DEARER_ZONE ", " WINDOWS ", " UNKNOWN));
    p = catalog_price(catalog_find(f->c, "g6.xlarge"), "us-east-1", 1u << PURCHASE_SPOT);
    assert_true(near(p->usd_per_hour, 0.52)); /* the built-in sample is gone */
    assert_string_equal(p->zone, "us-east-1a");
    assert_string_equal(p->date, "2026-10-02");
    assert_true(near(usd(f, "g6.xlarge", "us-west-2", PURCHASE_SPOT), 0.4347));
    assert_true(near(usd(f, "g6.xlarge", "us-east-1", PURCHASE_ON_DEMAND), 0.8048));
    assert_int_equal(catalog_sold(catalog_find(f->c, "g6.xlarge"), "us-east-1", "us-east-1b"),
                     SOLD_YES);
}

static void refuses_spot_prices_that_contradict(void **state)
{
    struct fixture *f = *state;

    refuses(f,
            SPOTS(SPOT("us-east-1a", "g6.xlarge", "Linux/UNIX", "0.41",
                       "2026-10-01T00:00:00Z") ",\n" SPOT("us-east-1a", "g6.xlarge", "Linux/UNIX",
                                                          "0.42", "2026-10-01T00:00:00Z")),
            ":4: 'g6.xlarge' costs 0.42 in us-east-1a, but 0.41 at the same time by line 1");
    refuses(f, SPOTS(SPOT("us-east-1a", "g6.xlarge", "Linux/UNIX", "-1", "2026-10-01T00:00:00Z")),
            "negative price");
    refuses(f, SPOTS(OLDER ",\n" LINUX("us-east-1a", "-1", "2026-10-02T00:00:00Z")),
            ":4: 'g6.xlarge' has the negative price -1"); /* the later one of two is judged too */
    refuses(f, SPOTS(OLDER ", " LINUX("us-east-1a", "9999999", "2026-10-02T00:00:00Z")),
            "cannot cost 1e+07 USD an hour");
    refuses(f, SPOTS(SPOT("us-east-1a", "g6.xlarge", "Linux/UNIX", "1e9", "2026-10-01T00:00:00Z")),
            "SpotPrice cannot be '1e9'");
    refuses(f, SPOTS(SPOT("nowhere", "g6.xlarge", "Linux/UNIX", "1", "2026-10-01T00:00:00Z")),
            "AvailabilityZone cannot be 'nowhere'");
    refuses(f, SPOTS(SPOT("us-east-1a", "g6.xlarge", "Linux/UNIX", "1", "today")), "Timestamp");
    refuses(f, SPOTS(SPOT("us-east-1a", "c5.large", "Linux/UNIX", "1", "2026-10-01T00:00:00Z")),
            "nothing of the types");
}

#define PRODUCT(sku, type, region, place, system, capacity)                                        \
    "\"" sku "\": {\"sku\": \"" sku "\", \"productFamily\": \"Compute Instance\",\n"               \
    " \"attributes\": {\"servicecode\": \"AmazonEC2\", \"locationType\": \"" place "\",\n"         \
    "  \"instanceType\": \"" type "\", \"operatingSystem\": \"" system "\",\n"                     \
    "  \"tenancy\": \"Shared\", \"preInstalledSw\": \"NA\", \"capacitystatus\": \"" capacity "\"," \
    "  \"regionCode\": \"" region "\", \"marketoption\": \"OnDemand\"}}"
#define RATE(sku, usd)                                                                             \
    "\"" sku "\": {\"" sku ".JRTCKXETXF\": {\"offerTermCode\": \"JRTCKXETXF\", \"sku\": \"" sku    \
    "\",\n"                                                                                        \
    " \"effectiveDate\": \"2026-08-01T00:00:00Z\", \"priceDimensions\": {\n"                       \
    "  \"" sku ".JRTCKXETXF.6YS6EN2CT7\": {\"unit\": \"Hrs\", \"beginRange\": \"0\",\n"            \
    "   \"pricePerUnit\": {\"USD\": \"" usd "\"}}}, \"termAttributes\": {}}}"
#define HEAD                                                                                       \
    "{\"formatVersion\": \"v1.0\", \"offerCode\": \"AmazonEC2\",\n"                                \
    " \"publicationDate\": \"2026-10-05T12:00:00Z\",\n"
#define PRODUCTS(list) " \"products\": {" list "}"
#define TERMS(list) " \"terms\": {\"OnDemand\": {" list "}, \"Reserved\": {" RATE("A1", "0.1") "}}"
#define REGION "AWS Region"
#define OFFERED                                                                                    \
    PRODUCT("A1", "g6.xlarge", "eu-west-1", REGION, "Linux", "Used")                               \
    ",\n" PRODUCT("A2", "g6.xlarge", "us-east-1", REGION, "Windows", "Used") ",\n" PRODUCT(        \
        "A3", "g6.xlarge", "us-east-1", "AWS Local Zone", "Linux",                                 \
        "Used") ",\n" PRODUCT("A4", "g6.xlarge", "us-east-1", REGION, "Linux",                     \
                              "UnusedCapacityReservation") ",\n" PRODUCT("A5", "c5.large",         \
                                                                         "us-east-1", REGION,      \
                                                                         "Linux", "Used")
#define RATES                                                                                      \
    RATE("A1", "0.9012000000")                                                                     \
    ",\n" RATE("A2", "7") ",\n" RATE("A3", "7") ",\n" RATE("A4", "7") ",\n" RATE("A5", "7")

static void check_offer(struct fixture *f)
{
    const struct instance_type *t = catalog_find(f->c, "g6.xlarge");
    const struct price *p = catalog_price(t, "eu-west-1", 1u << PURCHASE_ON_DEMAND);

    assert_non_null(p);
    assert_true(near(p->usd_per_hour, 0.9012));
    assert_string_equal(p->date, "2026-10-05");
    assert_string_equal(p->basis, "AWS price list");
    assert_int_equal(catalog_sold(t, "eu-west-1", NULL), SOLD_YES); /* no longer absent */
    assert_true(near(usd(f, "g6.xlarge", "us-east-1", PURCHASE_ON_DEMAND), 0.8048));
}

static void takes_offer_files(void **state)
{
    takes(*state, HEAD PRODUCTS(OFFERED) ",\n" TERMS(RATES) "}");
    check_offer(*state);
}

static void takes_offer_files_with_the_terms_first(void **state)
{
    takes(*state, HEAD TERMS(RATES) ",\n" PRODUCTS(OFFERED) "}");
    check_offer(*state);
}

static void refuses_offers_that_contradict(void **state)
{
    struct fixture *f = *state;

    refuses(
        f,
        HEAD PRODUCTS(OFFERED ",\n" PRODUCT("A6", "g6.xlarge", "eu-west-1", REGION, "Linux",
                                            "Used")) ",\n" TERMS(RATES ",\n" RATE("A6", "1")) "}",
        "'g6.xlarge' in eu-west-1 costs 1 on-demand, but 0.9012 by /tmp/");
    refuses(f, HEAD PRODUCTS(OFFERED) ", " TERMS(RATE("A1", "-0.9")) "}", "negative price -0.9");
    refuses(f, HEAD PRODUCTS(OFFERED) ", " TERMS(RATE("A1", "0x9")) "}", "cannot be '0x9'");
    refuses(f, HEAD PRODUCTS(OFFERED) ", " TERMS(RATE("A9", "1")) "}", "nothing of the types");
    refuses(f, HEAD PRODUCTS(OFFERED) ", " TERMS(RATE("A1", "0.0000000000")) "}", "nothing of");
    refuses(f, HEAD PRODUCTS(OFFERED) ", " TERMS(RATE("A1", "1")), "not JSON");
}

static void takes_products_of_the_pricing_api(void **state)
{
    struct fixture *f = *state;

    takes(f,
          "{\"FormatVersion\": \"aws_v1\", \"PriceList\": [\n"
          "\"{\\\"product\\\":{\\\"productFamily\\\":\\\"Compute Instance\\\",\\\"attributes\\\":{"
          "\\\"regionCode\\\":\\\"eu-west-1\\\",\\\"instanceType\\\":\\\"g6.xlarge\\\","
          "\\\"operatingSystem\\\":\\\"Linux\\\",\\\"tenancy\\\":\\\"Shared\\\","
          "\\\"preInstalledSw\\\":\\\"NA\\\",\\\"capacitystatus\\\":\\\"Used\\\"},\\\"sku\\\":"
          "\\\"A1\\\"},"
          "\\\"terms\\\":{\\\"OnDemand\\\":{\\\"A1.JRTCKXETXF\\\":{\\\"priceDimensions\\\":{"
          "\\\"A1.JRTCKXETXF.6YS6EN2CT7\\\":{\\\"pricePerUnit\\\":{\\\"USD\\\":\\\"0.9012\\\"},"
          "\\\"unit\\\":\\\"Hrs\\\"}},\\\"sku\\\":\\\"A1\\\"}}},"
          "\\\"publicationDate\\\":\\\"2026-10-05T12:00:00Z\\\"}\"]}");
    check_offer(f);
    refuses(f, "{\"PriceList\": [\n\"{\"]}", ":2: the entry is not JSON");
}

static void takes_the_users_own_file(void **state)
{
    struct fixture *f = *state;
    const struct instance_type *t;
    const struct quota *q;
    const struct price *p;

    takes(f, "version: v1\n"
             "date: 2026-09-01\n"
             "types:\n"
             "- {type: g9.xlarge, vcpus: 4, memory_mib: 16384, gpus: 1, gpu: l4,\n"
             "   gpu_memory_mib: 22888, max_pods: 58}\n"
             "unavailable:\n"
             "- {type: g6.xlarge, region: us-east-1, zone: us-east-1e}\n"
             "- {family: [p4d, p4de], region: eu-west-1}\n"
             "prices:\n"
             "- {type: p4d.24xlarge, region: us-east-1, usd_per_hour: 12.5, basis: 3 years}\n"
             "- {family: g, region: [us-east-1, us-west-2], percent_off: 30}\n"
             "- {type: g9.xlarge, region: us-east-1, purchase: on-demand, usd_per_hour: 0.9,\n"
             "   date: 2026-08-15}\n"
             "quotas:\n"
             "- {family: [g, gr], region: us-east-1, vcpus: 192}\n"
             "- {family: g6, region: us-east-1, vcpus: 64}\n"
             "- {family: p, region: us-east-1, purchase: spot, vcpus: 96}\n");
    t = catalog_find(f->c, "g9.xlarge");
    assert_int_equal(t->allocatable_memory_mib, 14162);
    p = catalog_price(t, "us-east-1", 1u << PURCHASE_COMMITTED);
    assert_true(near(p->usd_per_hour, 0.63)); /* of a price in the same file */
    assert_string_equal(p->date, "2026-09-01");
    p = catalog_price(catalog_find(f->c, "p4d.24xlarge"), "us-east-1",
                      PURCHASE_ANY & ~(1u << PURCHASE_SPOT));
    assert_true(near(p->usd_per_hour, 12.5));
    assert_string_equal(p->basis, "3 years");
    assert_true(near(usd(f, "g6.xlarge", "us-west-2", PURCHASE_COMMITTED), 0.8048 * 0.7));
    assert_true(near(usd(f, "gr6.4xlarge", "us-east-1", PURCHASE_COMMITTED), -1));
    t = catalog_find(f->c, "p4d.24xlarge");
    assert_int_equal(catalog_sold(t, "eu-west-1", NULL), SOLD_NO);
    assert_null(catalog_price(t, "eu-west-1", PURCHASE_ANY));
    t = catalog_find(f->c, "g6.xlarge");
    assert_int_equal(catalog_sold(t, "us-east-1", "us-east-1e"), SOLD_NO);
    assert_int_equal(catalog_sold(t, "us-east-1", NULL), SOLD_YES);
    q = catalog_quota(f->c, t, "us-east-1", PURCHASE_ON_DEMAND);
    assert_int_equal(q->vcpus, 64);
    assert_int_equal(
        catalog_quota(f->c, catalog_find(f->c, "gr6.4xlarge"), "us-east-1", PURCHASE_ON_DEMAND)
            ->vcpus,
        192);
    assert_null(catalog_quota(f->c, t, "us-east-1", PURCHASE_SPOT));
    /* A later file has the last word. */
    takes(f, "prices: [{type: p4d.24xlarge, region: us-east-1, usd_per_hour: 13}]\n"
             "quotas: [{family: g6, region: us-east-1, vcpus: 8}]\n");
    assert_true(near(usd(f, "p4d.24xlarge", "us-east-1", PURCHASE_COMMITTED), 13));
    assert_int_equal(
        catalog_quota(f->c, catalog_find(f->c, "g6.xlarge"), "us-east-1", PURCHASE_ON_DEMAND)
            ->vcpus,
        8);
}

static void old_generations_are_no_rivals(void **state)
{
    struct fixture *f = *state;
    const struct instance_type *t;
    struct way ways[WAYS_MAX];
    struct way_rival rival;

    takes(f, "prices:\n"
             "- {type: p4d.24xlarge, region: us-east-1, usd_per_hour: 20}\n"
             "- {type: p2.xlarge, region: us-east-1, usd_per_hour: 0.1}\n"
             "- {type: g5g.xlarge, region: us-east-1, usd_per_hour: 0.2}\n"
             "- {type: g6.xlarge, region: us-east-1, usd_per_hour: 0.4}\n");
    t = catalog_find(f->c, "p4d.24xlarge");
    assert_int_equal(ways_list(ways, t, 0), 8);
    assert_true(way_rival(&rival, f->c, t, &ways[1],
                          catalog_price(t, "us-east-1", 1u << PURCHASE_COMMITTED)));
    assert_string_equal(rival.type->name, "g6.xlarge"); /* p2 is old, g5g another architecture */
    assert_int_equal(rival.from, 51);
}

static void a_type_that_is_known_keeps_what_the_file_does_not_tell(void **state)
{
    struct fixture *f = *state;

    takes(f, "types:\n"
             "- {type: g3.4xlarge, vcpus: 16, memory_mib: 124928, gpus: 1, gpu: m60,\n"
             "   gpu_memory_mib: 8192}\n"
             "- {type: g9.xlarge, vcpus: 4, memory_mib: 16384, gpus: 1, gpu: l4,\n"
             "   gpu_memory_mib: 22888}\n");
    assert_string_equal(catalog_find(f->c, "g3.4xlarge")->hypervisor, "xen");
    assert_string_equal(catalog_find(f->c, "g9.xlarge")->hypervisor, "nitro");
}

static void refuses_what_the_user_cannot_mean(void **state)
{
    struct fixture *f = *state;

    refuses(
        f, "prices:\n- {type: g6.xlage, region: us-east-1, usd_per_hour: 1}\n",
        ":2:10: error: no instance type 'g6.xlage' is in the catalogue; did you mean 'g6.xlarge'");
    refuses(f, "prices: [{family: g66, region: us-east-1, percent_off: 1}]", "no family 'g66'");
    refuses(f, "prices: [{type: g6.xlarge, region: us-east1, usd_per_hour: 1}]", "is no region");
    refuses(f, "prices: [{type: g6.xlarge, region: us-east-1, usd_per_hour: -1}]",
            ":1:10: 'g6.xlarge' has the negative price -1");
    refuses(f, "prices: [{type: g6.xlarge, region: us-east-1, usd_per_hour: 0}]", "cannot cost 0");
    refuses(f, "prices: [{type: g6.xlarge, region: us-east-1, usd_per_hour: .inf}]",
            "expected a number");
    refuses(f, "prices: [{type: g6.xlarge, region: us-east-1, usd_per_hour: '1'}]",
            "expected a number");
    refuses(f, "prices: [{type: g6.xlarge, region: us-east-1}]", "give either");
    refuses(f, "prices: [{family: g6, region: us-east-1, usd_per_hour: 1}]", "several types");
    refuses(f, "prices: [{type: g6.xlarge, region: us-east-1, percent_off: 100}]",
            "leaves nothing to pay");
    refuses(f, "prices: [{type: g6.xlarge, region: us-east-1, percent_off: -5}]", "negative");
    refuses(f, "prices: [{type: p5e.48xlarge, region: us-east-1, percent_off: 5}]",
            "the on-demand price of 'p5e.48xlarge' in us-east-1 is not known");
    refuses(f,
            "prices: [{type: g6.xlarge, region: us-east-1, purchase: on-demand, percent_off: 5}]",
            "part of itself");
    refuses(f, "prices: [{type: g6.xlarge, region: us-east-1, zone: us-west-2a, usd_per_hour: 1}]",
            "zone 'us-west-2a' is not in region 'us-east-1'");
    refuses(f, "prices: [{type: g6.xlarge, region: us-east-1, usd_per_hour: 1, date: soon}]",
            "no date");
    refuses(f,
            "prices:\n- {type: g6.xlarge, region: us-east-1, usd_per_hour: 1}\n"
            "- {type: g6.xlarge, region: us-east-1, usd_per_hour: 2}\n",
            ":3:3: 'g6.xlarge' in us-east-1 costs 2 committed, but 1 by /tmp/");
    refuses(f,
            "prices:\n- {type: g6.xlarge, region: us-east-1, usd_per_hour: 1}\n"
            "unavailable:\n- {family: g6, region: us-east-1}\n",
            ":4:3: 'g6.xlarge' is not sold in us-east-1, but has a price there by /tmp/");
    refuses(f,
            "prices:\n- {type: g6.xlarge, region: us-east-1, percent_off: 20}\n"
            "unavailable:\n- {family: g6, region: us-east-1}\n",
            ":2:3: 'g6.xlarge' is not sold in us-east-1, so no part of its price is known");
    refuses(f,
            "quotas:\n- {family: g, region: us-east-1, vcpus: 8}\n"
            "- {family: g, region: us-east-1, vcpus: 9}\n",
            ":3:3: the quota in us-east-1 is 9 vCPUs, but 8 by /tmp/");
    refuses(f, "quotas: [{family: g, region: us-east-1, vcpus: 8, purchase: committed}]",
            "on-demand and spot only");
    refuses(f,
            "types:\n- {type: g6.xlarge, vcpus: 4, memory_mib: 16384, gpus: 1, gpu: t4,\n"
            "   gpu_memory_mib: 16384}\n",
            ":2:3: 'g6.xlarge' has 1 x t4 of 16384 MiB, but 1 x l4 of 22888 MiB by the built-in");
    refuses(f, "types: [{type: g9.xlarge, vcpus: 4, memory_mib: 16384}]", "has no GPU");
    refuses(f, "price: []\n", "unknown key 'price'; did you mean 'prices'?");
    refuses(f, "version: v2\n", "is not v1");
    refuses(f, "date: 2026-09-01\ndate: 2026-09-02\n", "duplicate key 'date'");
}

static void refuses_what_is_no_catalogue(void **state)
{
    struct fixture *f = *state;

    refuses(f, "", "is empty");
    refuses(f, "- 1\n", "expected a map");
    refuses(f, "{\"kind\": \"Pod\"}", "unknown key 'kind'");
    refuses(f, "{\"InstanceTypes\": [}", ":1: not JSON");
    refuses(f, "\xff\xfe{\0", "");
    refuses(f, "{\"InstanceTypes\": \"none\"}", "nothing of the types");
    assert_true(catalog_add(f->c, "/nonexistent", &f->e) < 0);
    assert_non_null(strstr(f->e.msg, "open /nonexistent"));
    assert_true(catalog_add(f->c, "/tmp", &f->e) < 0);
    takes(f, "\xef\xbb\xbf{\"date\": \"2026-09-01\"}\r\n");
    takes(f, "\xef\xbb\xbf" SPOTS(
                 SPOT("us-east-1a", "g6.xlarge", "Linux/UNIX", "1", "2026-10-01T00:00:00Z")));
}

/* A list nested in itself, and a text without an end, end the reading soon. */
static void is_bounded(void **state)
{
    struct fixture *f = *state;
    size_t size = 40u << 20;
    char *text = malloc(size + 64);
    int n;

    assert_non_null(text);
    n = snprintf(text, 64, "{\"InstanceTypes\": ");
    memset(text + n, '[', 1000);
    text[n + 1000] = '\0';
    refuses(f, text, "nested too deeply");
    n = snprintf(text, 64, "{\"InstanceTypes\": [\"");
    memset(text + n, 'a', size);
    text[(size_t)n + size] = '\0';
    refuses(f, text, "a value is too long");
    memset(text, '#', 2u << 20);
    text[2u << 20] = '\0';
    refuses(f, text, "more than");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_catalog, close_catalog)
        TEST(takes_instance_types),
        TEST(a_known_type_keeps_what_the_file_does_not_tell),
        TEST(a_new_type_has_the_mig_of_its_gpu),
        TEST(a_part_of_a_gpu_has_no_mig_and_no_count),
        TEST(refuses_types_that_contradict),
        TEST(keeps_the_latest_spot_price_of_each_zone),
        TEST(refuses_spot_prices_that_contradict),
        TEST(takes_offer_files),
        TEST(takes_offer_files_with_the_terms_first),
        TEST(refuses_offers_that_contradict),
        TEST(takes_products_of_the_pricing_api),
        TEST(takes_the_users_own_file),
        TEST(old_generations_are_no_rivals),
        TEST(a_type_that_is_known_keeps_what_the_file_does_not_tell),
        TEST(refuses_what_the_user_cannot_mean),
        TEST(refuses_what_is_no_catalogue),
        TEST(is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
