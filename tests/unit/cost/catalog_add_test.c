/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files over the catalogue: instance types and prices in each format of AWS's as its documentation
 * has it, what contradicts, and what is no catalogue.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "added.h"

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
    struct added *f = *state;
    const struct instance_type *t;

    added_takes(f,
                TYPES(TYPE("g8.xlarge", "4", AMD64, L4) ",\n" TYPE("c9.xlarge", "4", AMD64, "")));
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
    struct added *f = *state;
    const struct instance_type *t;

    added_takes(f, TYPES(TYPE("g6.xlarge", "4", AMD64, L4)));
    t = catalog_find(f->c, "g6.xlarge");
    assert_string_equal(t->ami, "x86_64");
    assert_int_equal(t->efa_interfaces, 1);
    assert_true(added_near(added_usd(f, "g6.xlarge", "us-east-1", PURCHASE_ON_DEMAND), 0.8048));
    assert_int_equal(catalog_sold(t, "eu-west-1", NULL), SOLD_NO);
    assert_null(catalog_at(f->c, 76));
}

static void a_new_type_has_the_mig_of_its_gpu(void **state)
{
    struct added *f = *state;
    const struct instance_type *t;

    added_takes(f, TYPES(TYPE("p9.xlarge", "4", AMD64, GPU("H100", "1", "81920", "81920"))));
    t = catalog_find(f->c, "p9.xlarge");
    assert_true(t->mig && t->geometry);
    assert_string_equal(t->board, "h100-80gb-sxm");
    assert_ptr_equal(t->geometry, catalog_find(f->c, "p5.4xlarge")->geometry);
}

static void a_part_of_a_gpu_has_no_mig_and_no_count(void **state)
{
    struct added *f = *state;
    const struct instance_type *t;

    added_takes(
        f, TYPES(TYPE("g8f.xlarge", "4", AMD64,
                      ", \"GpuInfo\": {\"Gpus\": [{\"Name\": \"L4\", \"Manufacturer\": \"NVIDIA\","
                      "\"Count\": 0, \"LogicalGpuCount\": 1, \"GpuPartitionSize\": 0.125,"
                      "\"MemoryInfo\": {\"SizeInMiB\": 2861}}], \"TotalGpuMemoryInMiB\": 2861}")));
    t = catalog_find(f->c, "g8f.xlarge");
    assert_int_equal(t->gpus, 1);
    assert_true(added_near(t->gpu_part, 0.125));
    assert_int_equal(t->label_gpu_count, 0);
    assert_int_equal(t->catalog_gpus, 0);
    assert_string_equal(t->gpu_product, "NVIDIA L4");
    added_takes(
        f,
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
    struct added *f = *state;

    added_refuses(
        f, TYPES(TYPE("g6.xlarge", "4", AMD64, GPU("L4", "2", "22888", "45776"))),
        ":1: 'g6.xlarge' has 2 x l4 of 22888 MiB, but 1 x l4 of 22888 MiB by the built-in table");
    added_refuses(f, TYPES(TYPE("g6.xlarge", "8", AMD64, L4)),
                  "8 vCPUs and 16384 MiB (amd64), but 4 and");
    added_refuses(f, TYPES(TYPE("g6.xlarge", "4", "\"arm64\"", L4)),
                  "(arm64), but 4 and 16384 (amd64)");
    added_refuses(f,
                  TYPES(TYPE("g8.xlarge", "4", AMD64, L4) ",\n" TYPE(
                      "g8.xlarge", "4", AMD64, GPU("T4", "1", "16384", "16384"))),
                  ":16: 'g8.xlarge' has 1 x t4 of 16384 MiB, but 1 x l4 of 22888 MiB by /tmp/");
    added_refuses(f, TYPES(TYPE("g8.xlarge", "4", AMD64, GPU("L4", "2", "22888", "22888"))),
                  "2 x 22888 MiB of GPU memory, but 22888 in total");
    added_refuses(f, TYPES(TYPE("g8.xlarge", "4", AMD64, "")), "'g8.xlarge' has no GPU");
    added_refuses(f, TYPES(TYPE("gr8.xlarge", "4", AMD64, "")), "has no GPU");
    added_refuses(f, TYPES(TYPE("p9.xlarge", "4", AMD64, "")), "has no GPU");
    added_refuses(f, TYPES(TYPE("g8.xlarge", "0", AMD64, L4)), "cannot have 0 vCPUs");
    added_refuses(f, TYPES(TYPE("g8.xlarge", "-4", AMD64, L4)), "DefaultVCpus cannot be '-4'");
    added_refuses(f, TYPES(TYPE("g8 xlarge", "4", AMD64, L4)), "is no name of an instance type");
    added_refuses(f, TYPES(TYPE("g8.xlarge", "4", AMD64, GPU("", "1", "1", "1"))), "without name");
    added_refuses(f, TYPES(TYPE("g8.xlarge", "4", AMD64, GPU("L4", "99", "1", "99"))), "99 GPUs");
    assert_null(catalog_find(f->c, "g8.xlarge"));
}

#define SPOT(zone, type, product, price, time)                                                     \
    "{\"AvailabilityZone\": \"" zone "\", \"InstanceType\": \"" type "\",\n"                       \
    " \"ProductDescription\": \"" product "\", \"SpotPrice\": \"" price "\",\n"                    \
    " \"Timestamp\": \"" time "\"}"
#define SPOTS(list) "{\"SpotPriceHistory\": [" list "]}"
#define LINUX(zone, added_usd, time) SPOT(zone, "g6.xlarge", "Linux/UNIX", added_usd, time)
#define OLDER LINUX("us-east-1a", "0.41", "2026-10-01T00:00:00+00:00")
#define LATEST LINUX("us-east-1a", "0.52", "2026-10-02T09:30:00Z")
#define OLDEST LINUX("us-east-1a", "0.30", "2026-09-02T09:30:00Z")
#define DEARER_ZONE LINUX("us-east-1b", "0.60", "2026-10-01T00:00:00Z")
#define WINDOWS SPOT("us-east-1b", "g6.xlarge", "Windows", "0.01", "2026-10-03T00:00:00Z")
#define UNKNOWN SPOT("us-east-1b", "c5.large", "Linux/UNIX", "0.01", "2026-10-03T00:00:00Z")

static void keeps_the_latest_spot_price_of_each_zone(void **state)
{
    struct added *f = *state;
    const struct price *p;

    added_takes(f, SPOTS(OLDER ", " LATEST ", " OLDEST ", " DEARER_ZONE ", " WINDOWS ", " UNKNOWN));
    p = catalog_price(catalog_find(f->c, "g6.xlarge"), "us-east-1", 1u << PURCHASE_SPOT);
    assert_true(added_near(p->usd_per_hour, 0.52)); /* the built-in sample is gone */
    assert_string_equal(p->zone, "us-east-1a");
    assert_string_equal(p->date, "2026-10-02");
    assert_true(added_near(added_usd(f, "g6.xlarge", "us-west-2", PURCHASE_SPOT), 0.4347));
    assert_true(added_near(added_usd(f, "g6.xlarge", "us-east-1", PURCHASE_ON_DEMAND), 0.8048));
    assert_int_equal(catalog_sold(catalog_find(f->c, "g6.xlarge"), "us-east-1", "us-east-1b"),
                     SOLD_YES);
}

static void refuses_spot_prices_that_contradict(void **state)
{
    struct added *f = *state;

    added_refuses(
        f,
        SPOTS(SPOT("us-east-1a", "g6.xlarge", "Linux/UNIX", "0.41",
                   "2026-10-01T00:00:00Z") ",\n" SPOT("us-east-1a", "g6.xlarge", "Linux/UNIX",
                                                      "0.42", "2026-10-01T00:00:00Z")),
        ":4: 'g6.xlarge' costs 0.42 in us-east-1a, but 0.41 at the same time by line 1");
    added_refuses(
        f, SPOTS(SPOT("us-east-1a", "g6.xlarge", "Linux/UNIX", "-1", "2026-10-01T00:00:00Z")),
        "negative price");
    added_refuses(
        f, SPOTS(OLDER ",\n" LINUX("us-east-1a", "-1", "2026-10-02T00:00:00Z")),
        ":4: 'g6.xlarge' has the negative price -1"); /* the later one of two is judged too */
    added_refuses(f, SPOTS(OLDER ", " LINUX("us-east-1a", "9999999", "2026-10-02T00:00:00Z")),
                  "cannot cost 1e+07 USD an hour");
    added_refuses(
        f, SPOTS(SPOT("us-east-1a", "g6.xlarge", "Linux/UNIX", "1e9", "2026-10-01T00:00:00Z")),
        "SpotPrice cannot be '1e9'");
    added_refuses(f, SPOTS(SPOT("nowhere", "g6.xlarge", "Linux/UNIX", "1", "2026-10-01T00:00:00Z")),
                  "AvailabilityZone cannot be 'nowhere'");
    added_refuses(f, SPOTS(SPOT("us-east-1a", "g6.xlarge", "Linux/UNIX", "1", "today")),
                  "Timestamp");
    added_refuses(f,
                  SPOTS(SPOT("us-east-1a", "c5.large", "Linux/UNIX", "1", "2026-10-01T00:00:00Z")),
                  "nothing of the types");
}

#define PRODUCT(sku, type, region, place, system, capacity)                                        \
    "\"" sku "\": {\"sku\": \"" sku "\", \"productFamily\": \"Compute Instance\",\n"               \
    " \"attributes\": {\"servicecode\": \"AmazonEC2\", \"locationType\": \"" place "\",\n"         \
    "  \"instanceType\": \"" type "\", \"operatingSystem\": \"" system "\",\n"                     \
    "  \"tenancy\": \"Shared\", \"preInstalledSw\": \"NA\", \"capacitystatus\": \"" capacity "\"," \
    "  \"regionCode\": \"" region "\", \"marketoption\": \"OnDemand\"}}"
#define RATE(sku, added_usd)                                                                       \
    "\"" sku "\": {\"" sku ".JRTCKXETXF\": {\"offerTermCode\": \"JRTCKXETXF\", \"sku\": \"" sku    \
    "\",\n"                                                                                        \
    " \"effectiveDate\": \"2026-08-01T00:00:00Z\", \"priceDimensions\": {\n"                       \
    "  \"" sku ".JRTCKXETXF.6YS6EN2CT7\": {\"unit\": \"Hrs\", \"beginRange\": \"0\",\n"            \
    "   \"pricePerUnit\": {\"USD\": \"" added_usd "\"}}}, \"termAttributes\": {}}}"
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

static void check_offer(struct added *f)
{
    const struct instance_type *t = catalog_find(f->c, "g6.xlarge");
    const struct price *p = catalog_price(t, "eu-west-1", 1u << PURCHASE_ON_DEMAND);

    assert_non_null(p);
    assert_true(added_near(p->usd_per_hour, 0.9012));
    assert_string_equal(p->date, "2026-10-05");
    assert_string_equal(p->basis, "AWS price list");
    assert_int_equal(catalog_sold(t, "eu-west-1", NULL), SOLD_YES); /* no longer absent */
    assert_true(added_near(added_usd(f, "g6.xlarge", "us-east-1", PURCHASE_ON_DEMAND), 0.8048));
}

static void takes_offer_files(void **state)
{
    added_takes(*state, HEAD PRODUCTS(OFFERED) ",\n" TERMS(RATES) "}");
    check_offer(*state);
}

static void takes_offer_files_with_the_terms_first(void **state)
{
    added_takes(*state, HEAD TERMS(RATES) ",\n" PRODUCTS(OFFERED) "}");
    check_offer(*state);
}

static void refuses_offers_that_contradict(void **state)
{
    struct added *f = *state;

    added_refuses(
        f,
        HEAD PRODUCTS(OFFERED ",\n" PRODUCT("A6", "g6.xlarge", "eu-west-1", REGION, "Linux",
                                            "Used")) ",\n" TERMS(RATES ",\n" RATE("A6", "1")) "}",
        "'g6.xlarge' in eu-west-1 costs 1 on-demand, but 0.9012 by /tmp/");
    added_refuses(f, HEAD PRODUCTS(OFFERED) ", " TERMS(RATE("A1", "-0.9")) "}",
                  "negative price -0.9");
    added_refuses(f, HEAD PRODUCTS(OFFERED) ", " TERMS(RATE("A1", "0x9")) "}", "cannot be '0x9'");
    added_refuses(f, HEAD PRODUCTS(OFFERED) ", " TERMS(RATE("A9", "1")) "}",
                  "nothing of the types");
    added_refuses(f, HEAD PRODUCTS(OFFERED) ", " TERMS(RATE("A1", "0.0000000000")) "}",
                  "nothing of");
    added_refuses(f, HEAD PRODUCTS(OFFERED) ", " TERMS(RATE("A1", "1")), "not JSON");
}

static void takes_products_of_the_pricing_api(void **state)
{
    struct added *f = *state;

    added_takes(
        f, "{\"FormatVersion\": \"aws_v1\", \"PriceList\": [\n"
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
    added_refuses(f, "{\"PriceList\": [\n\"{\"]}", ":2: the entry is not JSON");
}

static void refuses_what_is_no_catalogue(void **state)
{
    struct added *f = *state;

    added_refuses(f, "", "is empty");
    added_refuses(f, "- 1\n", "expected a map");
    added_refuses(f, "{\"kind\": \"Pod\"}", "unknown key 'kind'");
    added_refuses(f, "{\"InstanceTypes\": [}", ":1: not JSON");
    added_refuses(f, "\xff\xfe{\0", "");
    added_refuses(f, "{\"InstanceTypes\": \"none\"}", "nothing of the types");
    assert_true(catalog_add(f->c, "/nonexistent", &f->e) < 0);
    assert_non_null(strstr(f->e.msg, "open /nonexistent"));
    assert_true(catalog_add(f->c, "/tmp", &f->e) < 0);
    added_takes(f, "\xef\xbb\xbf{\"date\": \"2026-09-01\"}\r\n");
    added_takes(f, "\xef\xbb\xbf" SPOTS(
                       SPOT("us-east-1a", "g6.xlarge", "Linux/UNIX", "1", "2026-10-01T00:00:00Z")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, added_open, added_close)
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
        TEST(refuses_what_is_no_catalogue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
