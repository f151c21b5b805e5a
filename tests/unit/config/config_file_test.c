/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVIDIA's file as users write and miswrite it: each row is a file, what becomes of it, and the
 * finding it must get. Rows named "today" are mistakes that the original swallows or dies of.
 */
#include "test.h"

#include "config/parsed.h"

struct row {
    const char *name;
    const char *text;
    const char *words; /* of the finding; NULL: nothing is said */
    bool error;        /* also when not strict */
    unsigned line, column;
    void (*check)(const struct config *c); /* when it loads */
};

#define GPU_TIMES(n)                                                                               \
    "version: v1\nsharing:\n  timeSlicing:\n    resources:\n    - name: nvidia.com/gpu\n"          \
    "      replicas: " n "\n"

static void has_replicas(const struct config *c, unsigned replicas)
{
    assert_int_equal(c->n_shares, 1);
    assert_string_equal(c->shares[0].name, "nvidia.com/gpu");
    assert_int_equal(c->shares[0].replicas, replicas);
    assert_int_equal(c->shares[0].devices_kind, CONFIG_DEVICES_ALL);
    assert_null(c->shares[0].rename);
}

static void has_4(const struct config *c)
{
    has_replicas(c, 4);
    assert_false(c->fail_requests_greater_than_one);
}

static void has_7(const struct config *c)
{
    has_replicas(c, 7);
}

static void has_9(const struct config *c)
{
    has_replicas(c, 9);
}

static void has_10(const struct config *c)
{
    has_replicas(c, 10);
}

static void has_70000(const struct config *c)
{
    has_replicas(c, 70000);
}

static void has_unknown_resource(const struct config *c)
{
    assert_int_equal(c->n_shares, 2);
    assert_string_equal(c->shares[0].name, "nvidia.com/gpuu");
    assert_string_equal(c->shares[1].name, "nvidia.com/mig-9g.99gb");
}

static void is_mixed_with_both(const struct config *c)
{
    assert_int_equal(c->mig_strategy, CONFIG_MIG_MIXED);
    assert_int_equal(c->injection, CONFIG_INJECT_ENVVAR | CONFIG_INJECT_CDI_CRI);
    assert_int_equal(c->spread, CONFIG_PACKED);
    assert_false(c->fail_on_init_error);
    assert_string_equal(c->driver_root, "/run/nvidia/driver");
    assert_string_equal(c->dev_root, "/");
    assert_string_equal(c->container_driver_root, "/driver");
}

static void is_cdi_only(const struct config *c)
{
    assert_int_equal(c->injection, CONFIG_INJECT_CDI_CRI);
}

static void is_single(const struct config *c)
{
    assert_int_equal(c->mig_strategy, CONFIG_MIG_SINGLE);
}

static void renames_and_fails(const struct config *c)
{
    assert_true(c->rename_by_default);
    assert_true(c->fail_requests_greater_than_one);
}

static void honors_devices(const struct config *c)
{
    assert_int_equal(c->n_shares, 3);
    assert_int_equal(c->shares[0].devices_kind, CONFIG_DEVICES_LIST);
    assert_int_equal(c->shares[0].n_devices, 5);
    assert_string_equal(c->shares[0].devices[0], "0");
    assert_string_equal(c->shares[0].devices[1], "3:1");
    assert_string_equal(c->shares[0].devices[4],
                        "MIG-GPU-b1028956-cfa2-0990-bf4a-5da9abb51763/3/0");
    assert_int_equal(c->shares[1].devices_kind, CONFIG_DEVICES_COUNT);
    assert_int_equal(c->shares[1].devices_count, 2);
    assert_int_equal(c->shares[2].devices_kind, CONFIG_DEVICES_ALL);
}

static void honors_rename(const struct config *c)
{
    assert_int_equal(c->n_shares, 1);
    assert_string_equal(c->shares[0].rename, "nvidia.com/small");
}

static void honors_resources(const struct config *c)
{
    assert_int_equal(c->n_gpu_patterns, 2);
    assert_string_equal(c->gpu_patterns[0].pattern, "*A100*");
    assert_string_equal(c->gpu_patterns[0].name, "nvidia.com/a100");
    assert_string_equal(c->gpu_patterns[1].pattern, "*");
    assert_string_equal(c->gpu_patterns[1].name, "nvidia.com/gpu");
    assert_int_equal(c->n_mig_patterns, 1);
    assert_string_equal(c->mig_patterns[0].name, "nvidia.com/small");
}

static void honors_single_mig(const struct config *c)
{
    assert_int_equal(c->n_gpu_patterns, 1);
    assert_int_equal(c->n_mig_patterns, 1);
    assert_string_equal(c->mig_patterns[0].pattern, "*");
    assert_string_equal(c->mig_patterns[0].name, "nvidia.com/gpu");
}

static const struct row rows[] = {
    /* Files that are right: nothing is said. */
    {"an empty file means the defaults", "", NULL, 0, 0, 0, parsed_is_default},
    {"a file of comments means the defaults", "# nothing\n", NULL, 0, 0, 0, parsed_is_default},
    {"an empty version is v1", "version: \"\"\n", NULL, 0, 0, 0, parsed_is_default},
    {"the guide's time-slicing by 4",
     "version: v1\nflags:\n  migStrategy: none\nsharing:\n  timeSlicing:\n"
     "    renameByDefault: false\n    resources:\n      - name: nvidia.com/gpu\n"
     "        replicas: 4\n",
     NULL, 0, 0, 0, has_4},
    {"the guide's time-slicing by 10",
     "version: v1\nflags:\n  migStrategy: none\nsharing:\n  timeSlicing:\n    resources:\n"
     "    - name: nvidia.com/gpu\n      replicas: 10\n",
     NULL, 0, 0, 0, has_10},
    {"a name without its prefix gets it",
     "sharing: {timeSlicing: {resources: [{name: gpu, replicas: 4}]}}", NULL, 0, 0, 0, has_4},
    {"JSON is YAML",
     "{\"version\": \"v1\", \"flags\": {\"migStrategy\": \"single\", \"plugin\": "
     "{\"passDeviceSpecs\": false}}}",
     NULL, 0, 0, 0, is_single},
    {"a byte order mark and DOS line ends",
     "\xef\xbb\xbfversion: v1\r\nflags:\r\n  migStrategy: single\r\n", NULL, 0, 0, 0, is_single},
    {"every flag that has an effect",
     "version: v1\nflags:\n  migStrategy: mixed\n  failOnInitError: false\n"
     "  nvidiaDriverRoot: /run/nvidia/driver\n  nvidiaDevRoot: /\n  plugin:\n"
     "    deviceListStrategy: [envvar, cdi-cri]\n    containerDriverRoot: /driver\n"
     "    sharedDevicesAllocationPolicy: packed\n",
     NULL, 0, 0, 0, is_mixed_with_both},
    {"flags that have none, as the chart writes them",
     "version: v1\nflags:\n  migStrategy: none\n  failOnInitError: true\n"
     "  nvidiaDriverRoot: /\n  gdrcopyEnabled: false\n  gdsEnabled: false\n"
     "  mofedEnabled: false\n  mpsRoot: /run/nvidia/mps\n  useNodeFeatureAPI: true\n"
     "  deviceDiscoveryStrategy: auto\n  plugin:\n    passDeviceSpecs: false\n"
     "    deviceListStrategy: envvar\n    deviceIDStrategy: uuid\n"
     "    cdiAnnotationPrefix: cdi.k8s.io/\n    nvidiaCTKPath: /usr/bin/nvidia-ctk\n"
     "  gfd: {oneshot: false, noTimestamp: false, sleepInterval: 60s, outputFile: /f,\n"
     "        machineTypeFile: /g}\nimex:\n  channelIDs: []\n  required: false\n",
     NULL, 0, 0, 0, parsed_is_default},
    {"nulls are not given",
     "version:\nflags:\n  migStrategy:\n  plugin:\n  gfd: ~\nresources: null\nsharing:\n"
     "  mps:\nimex:\ncarve:\n  fractions:\n",
     NULL, 0, 0, 0, parsed_is_default},
    {"a strategy list as one string", "flags: {plugin: {deviceListStrategy: cdi-cri}}", NULL, 0, 0,
     0, is_cdi_only},
    {"a comma-separated strategy list",
     "flags: {migStrategy: mixed, failOnInitError: off, nvidiaDriverRoot: /run/nvidia/driver,\n"
     "  nvidiaDevRoot: /, plugin: {deviceListStrategy: 'envvar, cdi-cri',\n"
     "  containerDriverRoot: /driver, sharedDevicesAllocationPolicy: packed}}",
     NULL, 0, 0, 0, is_mixed_with_both},
    {"rename by default and requests of one",
     "sharing:\n  timeSlicing:\n    renameByDefault: true\n"
     "    failRequestsGreaterThanOne: true\n    resources: [{name: gpu, replicas: 2}]\n",
     NULL, 0, 0, 0, renames_and_fails},
    {"a rename that renameByDefault makes anyway",
     "sharing: {timeSlicing: {renameByDefault: true, failRequestsGreaterThanOne: true,\n"
     "  resources: [{name: gpu, replicas: 2, rename: gpu.shared}]}}",
     NULL, 0, 0, 0, renames_and_fails},
    {"merge keys and anchors",
     "version: v1\nsharing:\n  timeSlicing:\n    resources:\n"
     "    - {<<: &half {replicas: 4}, name: nvidia.com/gpu}\n",
     NULL, 0, 0, 0, has_4},
    {"an unknown resource is kept for the node to judge",
     "sharing: {timeSlicing: {resources: [{name: nvidia.com/gpuu, replicas: 4},\n"
     "  {name: nvidia.com/mig-9g.99gb, replicas: 4}]}}",
     NULL, 0, 0, 0, has_unknown_resource},
    {"the most replicas that a kubelet could take", GPU_TIMES("70000"), NULL, 0, 0, 0, has_70000},
    {"honored devices",
     "carve: {honor: [devices]}\nsharing:\n  timeSlicing:\n    resources:\n"
     "    - name: gpu\n      replicas: 4\n"
     "      devices: [0, '3:1', GPU-b1028956-cfa2-0990-bf4a-5da9abb51763,\n"
     "        MIG-b1028956-cfa2-0990-bf4a-5da9abb51763,\n"
     "        MIG-GPU-b1028956-cfa2-0990-bf4a-5da9abb51763/3/0]\n"
     "    - {name: gpu, replicas: 8, devices: 2}\n    - {name: gpu, replicas: 2, devices: all}\n",
     NULL, 0, 0, 0, honors_devices},
    {"honored rename",
     "carve: {honor: [rename]}\n"
     "sharing: {timeSlicing: {resources: [{name: gpu, replicas: 2, rename: small}]}}",
     NULL, 0, 0, 0, honors_rename},
    {"honored resources",
     "carve: {honor: resources}\nflags: {migStrategy: mixed}\nresources:\n"
     "  gpus: [{pattern: '*A100*', name: a100}]\n  mig: [{pattern: 1g.5gb, name: small}]\n",
     NULL, 0, 0, 0, honors_resources},
    {"honored resources without any, strategy single",
     "carve: {honor: [resources]}\nflags: {migStrategy: single}\n", NULL, 0, 0, 0,
     honors_single_mig},
    {"strict without anything to object to", "version: v1\ncarve: {strict: true}\n", NULL, 0, 0, 0,
     parsed_is_default},

    /* Mistakes that the original swallows. */
    {"today silent: misspelt sharing", "version: v1\nsharring:\n  timeSlicing: {}\n",
     "unknown key 'sharring' is ignored; did you mean 'sharing'?", 0, 2, 1, parsed_is_default},
    {"today silent: misspelt timeSlicing",
     "version: v1\nsharing:\n  timeSlice:\n    resources: []\n",
     "unknown key 'timeSlice' in sharing is ignored; did you mean 'timeSlicing'?", 0, 3, 3,
     parsed_is_default},
    {"today silent: misspelt flag", "version: v1\nflags:\n  migStratgy: single\n",
     "unknown key 'migStratgy' in flags is ignored; did you mean 'migStrategy'?", 0, 3, 3,
     parsed_is_default},
    {"today silent: two letters swapped", "imxe: {}\n", "did you mean 'imex'?", 0, 1, 1,
     parsed_is_default},
    {"today silent: misspelt option of time-slicing",
     "sharing:\n  timeSlicing:\n    failRequestGreaterThanOne: true\n"
     "    resources: [{name: gpu, replicas: 4}]\n",
     "did you mean 'failRequestsGreaterThanOne'?", 0, 3, 5, has_4},
    {"today silent: an extra key in a resource",
     "sharing:\n  timeSlicing:\n    resources:\n    - name: gpu\n      replicas: 4\n"
     "      memory: 10Gi\n",
     "unknown key 'memory' in sharing.timeSlicing.resources is ignored", 0, 6, 7, has_4},
    {"today silent: a block at the wrong level", "version: v1\ntimeSlicing:\n  resources: []\n",
     "did you mean 'sharing.timeSlicing'?", 0, 2, 1, parsed_is_default},
    {"today silent: a plugin flag among the flags", "flags:\n  deviceListStrategy: cdi-cri\n",
     "did you mean 'flags.plugin.deviceListStrategy'?", 0, 2, 3, parsed_is_default},
    {"today accepted: the wrong case",
     "sharing:\n  timeslicing:\n    resources: [{name: gpu, replicas: 4}]\n",
     "key 'timeslicing' is read as 'timeSlicing': write it so", 0, 2, 3, has_4},
    {"today silent: the wrong case where it is not accepted",
     "sharing:\n  timeSlicing:\n    RenameByDefault: true\n"
     "    resources: [{name: gpu, replicas: 4}]\n",
     "unknown key 'RenameByDefault'", 0, 3, 5, has_4},
    {"both cases of a key", "flags: {migStrategy: single, migstrategy: mixed}\n",
     "key 'migstrategy' is ignored: 'migStrategy' is given too, at line 1", 0, 1, 30, is_single},
    {"today silent: the same resource twice",
     "sharing:\n  timeSlicing:\n    resources:\n    - {name: nvidia.com/gpu, replicas: 4}\n"
     "    - {name: gpu, replicas: 7}\n",
     "'nvidia.com/gpu' is shared again, in place of line 4: remove one", 0, 5, 7, has_7},
    {"today silent: sharing twice",
     GPU_TIMES("4") "sharing: {timeSlicing: {resources: [{name: gpu, replicas: 9}]}}\n",
     "duplicate key 'sharing' replaces the one at line 2: remove one", 0, 7, 1, has_9},
    {"devices of a count are inert",
     "sharing:\n  timeSlicing:\n    resources:\n    - {name: gpu, replicas: 4, devices: 2}\n",
     "devices has no effect", 0, 4, 32, has_4},
    {"devices of a list are inert",
     "sharing:\n  timeSlicing:\n    resources:\n    - {name: gpu, replicas: 4, devices: [0, 1]}\n",
     "list 'devices' in carve.honor to turn it on", 0, 4, 32, has_4},
    {"rename is inert",
     "sharing:\n  timeSlicing:\n    resources:\n    - {name: gpu, replicas: 4, rename: foo}\n",
     "rename has no effect", 0, 4, 32, has_4},
    {"resources are inert", "resources:\n  gpus: [{pattern: '*', name: foo}]\n",
     "resources.gpus has no effect", 0, 2, 3, parsed_is_default},
    {"an unknown key of ours", "carve:\n  fraction: []\n", "did you mean 'fractions'?", 0, 2, 3,
     parsed_is_default},
    {"a second document", "version: v1\n---\nflags: {migStrategy: single}\n",
     "a second document begins here; only the first is read", 0, 3, 1, parsed_is_default},
    {"a hexadecimal number", GPU_TIMES("0x4"), "replicas: '0x4' is read as 4: write it so", 0, 6,
     17, has_4},
    {"an octal number", GPU_TIMES("011"), "'011' is read as 9", 0, 6, 17, has_9},
    {"an octal number of YAML 1.2", GPU_TIMES("0o11"), "'0o11' is read as 9", 0, 6, 17, has_9},
    {"a binary number", GPU_TIMES("0b111"), "'0b111' is read as 7", 0, 6, 17, has_7},
    {"a number with a sign and a gap", GPU_TIMES("+0_7"), "'+0_7' is read as 7", 0, 6, 17, has_7},
    {"a whole fraction", GPU_TIMES("4.0"), "'4.0' is read as 4", 0, 6, 17, has_4},
    {"a whole ConfigMap",
     "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n  any: |-\n    version: v1\n",
     "this is a ConfigMap; carve wants the text under one of the keys of its 'data'", 0, 2, 7,
     parsed_is_default},
    {"another product's file",
     "{\"allocations\": [{\"resourceName\": \"nvidia.com/7g.40gb\", \"sliceSize\": \"7g.40gb\"}]}",
     "unknown key 'allocations' is ignored", 0, 1, 2, parsed_is_default},

    /* Values that cannot be. */
    {"another version", "version: v2\n", "unknown version 'v2'; carve reads v1", 1, 1, 10, NULL},
    {"a version that is a number", "version: 1\n", "unknown version '1'", 1, 1, 10, NULL},
    {"broken YAML", "version: v1\nflags: [\n", "did not find expected", 1, 3, 1, NULL},
    {"a tab for indentation", "flags:\n\tmigStrategy: none\n",
     "tab in the indentation; YAML wants spaces", 1, 2, 1, NULL},
    {"a list for a file", "- version: v1\n", "the document: expected a map, got a list", 1, 1, 1,
     NULL},
    {"a text for a block", "sharing: none\n", "sharing: expected a map, got a text", 1, 1, 10,
     NULL},
    {"an unknown strategy", "flags:\n  migStrategy: multi\n",
     "flags.migStrategy: unknown value 'multi'; known: none, single, mixed", 1, 2, 16, NULL},
    {"an unknown policy", "flags: {plugin: {sharedDevicesAllocationPolicy: spread}}",
     "unknown value 'spread'; known: distributed, packed", 1, 1, 49, NULL},
    {"an unknown way of injection", "flags: {plugin: {deviceListStrategy: [envvar, cdi]}}",
     "unknown value 'cdi'", 1, 1, 47, NULL},
    {"no way of injection", "flags: {plugin: {deviceListStrategy: []}}",
     "an empty list leaves containers without their slices", 1, 1, 38, NULL},
    {"a quoted truth value", "flags: {failOnInitError: \"true\"}",
     "'true' is a text; write it without quotes", 1, 1, 26, NULL},
    {"a truth value that is none", "flags: {failOnInitError: 1}",
     "flags.failOnInitError: expected true or false, got '1'", 1, 1, 26, NULL},
    {"a relative driver root", "flags: {nvidiaDriverRoot: run/nvidia}",
     "'run/nvidia' is not an absolute path", 1, 1, 27, NULL},
    {"today fatal without a place: 1 replica", GPU_TIMES("1"),
     "replicas: expected a whole number from 2 to 70000, got '1'", 1, 6, 17, NULL},
    {"today fatal without a place: 0 replicas", GPU_TIMES("0"), "got '0'", 1, 6, 17, NULL},
    {"today fatal without a place: -3 replicas", GPU_TIMES("-3"), "got '-3'", 1, 6, 17, NULL},
    {"today fatal without a place: quoted replicas", GPU_TIMES("\"4\""),
     "'4' is a text; write the number without quotes", 1, 6, 17, NULL},
    {"today fatal without a place: 2.5 replicas", GPU_TIMES("2.5"), "got '2.5'", 1, 6, 17, NULL},
    {"a number for a name", GPU_TIMES("4\n    - name: 0x10\n      replicas: 2"),
     "name: expected a text, '0x10' is none; put it in quotes", 1, 7, 13, NULL},
    {"a truth value for a text", "flags: {plugin: {cdiAnnotationPrefix: on}}",
     "flags.plugin.cdiAnnotationPrefix: expected a text, 'on' is none", 1, 1, 39, NULL},
    {"a number for a pattern", "resources: {gpus: [{pattern: 4, name: a}]}",
     "resources.gpus: expected a text, '4' is none", 1, 1, 30, NULL},
    {"a truth value in odd case", "flags: {failOnInitError: yEs}",
     "expected true or false, got 'yEs'", 1, 1, 26, NULL},
    {"a text that begins like no number", "flags: {plugin: {cdiAnnotationPrefix: _1}}", NULL, 0, 0,
     0, NULL},
    {"a quoted number for a name",
     "sharing: {timeSlicing: {resources: [{name: '4', replicas: 2}]}}", NULL, 0, 0, 0, NULL},
    {"a number that is none", GPU_TIMES("0x"), "got '0x'", 1, 6, 17, NULL},
    {"a number with a letter", GPU_TIMES("4a"), "got '4a'", 1, 6, 17, NULL},
    {"a number of no digits", GPU_TIMES("."), "got '.'", 1, 6, 17, NULL},
    {"a hexadecimal fraction", GPU_TIMES("0x4.0"), "got '0x4.0'", 1, 6, 17, NULL},
    {"a number beyond all bounds", GPU_TIMES("0xffffffffffffffffffff"), "from 2 to 70000", 1, 6, 17,
     NULL},
    {"a tab somewhere in bad JSON", "{\n\t\"version\": \"v1\"\n\t\"flags\": {}\n}\n",
     "did not find expected ',' or '}'", 1, 3, 2, NULL},
    {"a tab behind a dash", "sharing:\n-\tname: gpu\n", "tab in the indentation", 1, 2, 2, NULL},
    {"today fatal without a place: misspelt replicas",
     "sharing:\n  timeSlicing:\n    resources:\n    - name: nvidia.com/gpu\n      replica: 4\n",
     "'nvidia.com/gpu' has no replicas", 1, 4, 7, NULL},
    {"misspelt replicas are found",
     "sharing:\n  timeSlicing:\n    resources:\n    - name: nvidia.com/gpu\n      replica: 4\n",
     "unknown key 'replica' in sharing.timeSlicing.resources is ignored; did you mean 'replicas'?",
     1, 5, 7, NULL},
    {"today accepted and lost: 100000 replicas", GPU_TIMES("100000"), "from 2 to 70000", 1, 6, 17,
     NULL},
    {"another vendor's resource",
     "sharing: {timeSlicing: {resources: [{name: amd.com/gpu, replicas: 4}]}}",
     "'amd.com/gpu' is not a resource of nvidia.com", 1, 1, 44, NULL},
    {"a name with capitals", "sharing: {timeSlicing: {resources: [{name: GPU, replicas: 4}]}}",
     "'GPU' is not a resource name", 1, 1, 44, NULL},
    {"a name that ends in a dash",
     "sharing: {timeSlicing: {resources: [{name: gpu-, replicas: 4}]}}",
     "'gpu-' is not a resource name", 1, 1, 44, NULL},
    {"a name of 53 characters",
     "sharing: {timeSlicing: {resources: [{replicas: 4, name: "
     "a23456789b123456789c123456789d123456789e123456789f123}]}}",
     "is longer than 63 characters with its prefix", 1, 1, 57, NULL},
    {"a name that has no room for .shared",
     "sharing: {timeSlicing: {renameByDefault: true, resources: [{replicas: 4, name: "
     "a23456789b123456789c123456789d123456789e123456}]}}",
     "with renameByDefault is longer than 63 characters", 1, 1, 60, NULL},
    {"an entry without a name", "sharing: {timeSlicing: {resources: [{replicas: 4}]}}",
     "an entry has no name", 1, 1, 37, NULL},
    {"an empty list of resources", "sharing:\n  timeSlicing:\n    resources: []\n",
     "sharing.timeSlicing shares no resources", 1, 3, 5, NULL},
    {"no list of resources", "sharing:\n  timeSlicing:\n    renameByDefault: true\n",
     "sharing.timeSlicing shares no resources", 1, 2, 3, NULL},
    {"an empty block", "sharing:\n  timeSlicing:\n", "sharing.timeSlicing shares no resources", 1,
     2, 3, NULL},
    {"devices that are neither all nor a count nor a list",
     "sharing: {timeSlicing: {resources: [{name: gpu, replicas: 4, devices: some}]}}",
     "devices 'some'; write all, a count or a list of devices", 1, 1, 71, NULL},
    {"a count of 0 devices",
     "sharing: {timeSlicing: {resources: [{name: gpu, replicas: 4, devices: 0}]}}",
     "expected a whole number from 1", 1, 1, 71, NULL},
    {"a device that is none",
     "sharing: {timeSlicing: {resources: [{name: gpu, replicas: 4, devices: [GPU-12]}]}}",
     "'GPU-12' is not a device", 1, 1, 72, NULL},
    {"a device with a tail",
     "sharing: {timeSlicing: {resources: [{name: gpu, replicas: 4, devices:\n"
     "  [GPU-b1028956-cfa2-0990-bf4a-5da9abb51763x]}]}}",
     "5da9abb51763x' is not a device", 1, 2, 4, NULL},
    {"a MIG device without its compute instance",
     "sharing: {timeSlicing: {resources: [{name: gpu, replicas: 4, devices:\n"
     "  [MIG-GPU-b1028956-cfa2-0990-bf4a-5da9abb51763/3]}]}}",
     "5da9abb51763/3' is not a device", 1, 2, 4, NULL},
    {"a label that ends in a dash",
     "sharing: {timeSlicing: {resources: [{name: a-.b, replicas: 4}]}}",
     "'a-.b' is not a resource name", 1, 1, 44, NULL},
    {"an empty label", "sharing: {timeSlicing: {resources: [{name: a..b, replicas: 4}]}}",
     "'a..b' is not a resource name", 1, 1, 44, NULL},
    {"an honored empty list of devices",
     "carve: {honor: devices}\n"
     "sharing: {timeSlicing: {resources: [{name: gpu, replicas: 4, devices: []}]}}",
     "an empty list of devices", 1, 2, 71, NULL},
    {"a pattern without a name", "resources: {gpus: [{pattern: '*'}]}",
     "an entry needs both 'pattern' and 'name'", 1, 1, 20, NULL},
    {"something unknown to honor", "carve: {honor: [rename, names]}",
     "carve.honor: unknown value 'names'; known: resources, devices, rename", 1, 1, 25, NULL},

    /* What carve does not do yet is refused by name. */
    {"fractions", "carve:\n  fractions: [{name: nvidia.com/gpu}]\n",
     "carve.fractions is not supported by carve yet", 1, 2, 3, NULL},
    {"MPS", "sharing:\n  mps: {resources: [{name: gpu, replicas: 4}]}\n",
     "sharing.mps is not supported by carve yet; use sharing.timeSlicing", 1, 2, 3, NULL},
    {"volume mounts", "flags: {plugin: {deviceListStrategy: [envvar, volume-mounts]}}",
     "'volume-mounts' is not supported by carve yet; use envvar or cdi-cri", 1, 1, 38, NULL},
    {"CDI annotations", "flags: {plugin: {deviceListStrategy: cdi-annotations}}",
     "'cdi-annotations' is not supported by carve yet", 1, 1, 38, NULL},
    {"ids by index", "flags: {plugin: {deviceIDStrategy: index}}",
     "flags.plugin.deviceIDStrategy: 'index' is not supported by carve yet; use uuid", 1, 1, 36,
     NULL},
    {"device specs", "flags: {plugin: {passDeviceSpecs: true}}",
     "flags.plugin.passDeviceSpecs: 'true' is not supported by carve yet", 1, 1, 35, NULL},
    {"GPUDirect Storage", "flags: {gdsEnabled: true}", "flags.gdsEnabled: 'true' is not supported",
     1, 1, 21, NULL},
    {"MOFED", "flags: {mofedEnabled: true}", "flags.mofedEnabled: 'true' is not supported", 1, 1,
     23, NULL},
    {"GDRCopy", "flags: {gdrcopyEnabled: true}", "flags.gdrcopyEnabled: 'true' is not supported", 1,
     1, 25, NULL},
    {"Tegra", "flags: {deviceDiscoveryStrategy: tegra}", "'tegra' is not supported by carve yet", 1,
     1, 34, NULL},
    {"an IMEX channel", "imex: {channelIDs: [0]}", "imex.channelIDs: '0' is not supported", 1, 1,
     20, NULL},
    {"another IMEX channel", "imex: {channelIDs: [2]}", "imex.channelIDs: unknown value '2'", 1, 1,
     21, NULL},
    {"required IMEX channels", "imex: {required: true}", "imex.required: 'true' is not supported",
     1, 1, 18, NULL},
};

enum { ROWS = sizeof rows / sizeof *rows };

static void reads_row(void **state)
{
    const struct row *row = *state;
    const struct findings_item *finding;
    struct parsed p;

    parsed_read(&p, row->text, false);
    finding = row->words ? parsed_find(&p.findings, row->words) : NULL;
    if (row->words && !finding)
        fail_msg("not said: %s (but: %s)", row->words,
                 p.findings.count > 0 ? p.findings.items[0].text : "nothing");
    if (!row->words && p.findings.count > 0)
        fail_msg("said: %s", p.findings.items[0].text);
    if (finding) {
        assert_int_equal(finding->line, row->line);
        assert_int_equal(finding->column, row->column);
    }
    assert_int_equal(p.result, row->error ? -EINVAL : 0);
    assert_int_equal(p.findings.n_errors > 0, row->error);
    assert_int_equal(p.config != NULL, !row->error);
    if (p.config && row->check)
        row->check(p.config);
    parsed_done(&p);
}

/* Whatever is said at all is an error once strictness is asked for. */
static void reads_row_strictly(void **state)
{
    const struct row *row = *state;
    struct parsed p;

    parsed_read(&p, row->text, true);
    assert_int_equal(p.result, row->words ? -EINVAL : 0);
    assert_int_equal(p.findings.n_warnings, 0);
    if (row->words)
        assert_non_null(strstr(p.err.msg, "f.yaml:"));
    parsed_done(&p);
}

int main(void)
{
    static struct CMUnitTest read[ROWS], strict[ROWS];
    int failed;

    for (size_t i = 0; i < ROWS; i++) {
        read[i] = (struct CMUnitTest){rows[i].name, reads_row, NULL, NULL, (void *)&rows[i]};
        strict[i] =
            (struct CMUnitTest){rows[i].name, reads_row_strictly, NULL, NULL, (void *)&rows[i]};
    }
    failed = cmocka_run_group_tests_name("files", read, NULL, NULL);
    return failed + cmocka_run_group_tests_name("files, strictly", strict, NULL, NULL);
}
