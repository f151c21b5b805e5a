/* SPDX-License-Identifier: Apache-2.0 */
/* mig-parted's file: what is read, what is refused and where, how it is found and written back. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/findings.h"
#include "config/mig_file.h"

struct mig_parsed {
    struct mig_file *file; /* NULL: refused */
    struct findings findings;
    struct err err;
    int result;
};

static void read_text(struct mig_parsed *p, const char *text)
{
    *p = (struct mig_parsed){0};
    findings_init(&p->findings, "m.yaml");
    p->result = mig_file_parse(&p->file, "m.yaml", text, strlen(text), &p->findings, &p->err);
}

static void read_done(struct mig_parsed *p)
{
    mig_file_free(p->file);
    findings_done(&p->findings);
}

#define HEAD "version: v1\nmig-configs:\n"

static const char full[] = HEAD "  all-disabled:\n"
                                "    - devices: all\n"
                                "      mig-enabled: false\n"
                                "  off: [{devices: all, mig-enabled: yes, mig-devices: {}}]\n"
                                "  mine:\n"
                                "    - device-filter: ['0x20B010DE', '0x20b210de:0x134F10DE']\n"
                                "      devices: [0, 3]\n"
                                "      mig-enabled: true\n"
                                "      mig-devices:\n"
                                "        1c.3g.20gb: 3\n"
                                "        \"1g.5gb+me\": 1\n"
                                "        1g.5gb.me: 0\n"
                                "    - device-filter: 0x233510DE\n"
                                "      devices: [1]\n"
                                "      mig-enabled: false\n"
                                "      mig-devices: {}\n";

static void reads_every_field(void **state)
{
    const struct mig_config *mine = NULL, *off = NULL;
    struct mig_parsed p;

    (void)state;
    read_text(&p, full);
    assert_string_equal(p.err.msg, "");
    assert_int_equal(p.file->n_configs, 3);
    assert_int_equal(mig_file_find(&mine, p.file, "mine", NULL), 0);
    assert_int_equal(mine->n_entries, 2);
    assert_int_equal(mine->line, 7);
    assert_int_equal(mine->entries[0].n_filters, 2);
    assert_int_equal(mine->entries[0].filters[0].device, 0x20B010DE);
    assert_int_equal(mine->entries[0].filters[0].subsystem, 0);
    assert_int_equal(mine->entries[0].filters[1].device, 0x20B210DE);
    assert_int_equal(mine->entries[0].filters[1].subsystem, 0x134F10DE);
    assert_false(mine->entries[0].all_devices);
    assert_int_equal(mine->entries[0].n_devices, 2);
    assert_int_equal(mine->entries[0].devices[1], 3);
    assert_true(mine->entries[0].enabled);
    assert_int_equal(mine->entries[0].n_counts, 3);
    assert_string_equal(mine->entries[0].counts[0].profile, "1c.3g.20gb");
    assert_int_equal(mine->entries[0].counts[0].count, 3);
    assert_int_equal(mine->entries[0].counts[0].line, 12);
    assert_int_equal(mine->entries[0].counts[0].column, 9);
    assert_int_equal(mine->entries[1].filters[0].device, 0x233510DE);
    assert_false(mine->entries[1].enabled);
    assert_int_equal(mig_file_find(&off, p.file, "off", NULL), 0);
    assert_true(off->entries[0].enabled && off->entries[0].all_devices);
    assert_int_equal(off->entries[0].n_counts, 0);
    read_done(&p);
}

struct refusal {
    const char *name;
    const char *text;
    const char *message; /* behind "m.yaml:" */
};

#define ENTRY(text) HEAD "  a:\n    - " text "\n"

static const struct refusal refusals[] = {
    {"no version", "mig-configs: {a: [{devices: all, mig-enabled: false}]}",
     "1:1: error: no version; add version: v1"},
    {"an empty file", "", "1:1: error: no version; add version: v1"},
    {"another version", "version: v2\n", "1:10: error: unknown version 'v2'; carve reads v1"},
    {"an unknown field", "version: v1\nmig-config: {}\n",
     "2:1: error: unknown key 'mig-config'; did you mean 'mig-configs'?"},
    {"an unknown field of an entry", ENTRY("{device: all, devices: all, mig-enabled: false}"),
     "4:8: error: unknown key 'device' in an entry; did you mean 'devices'?"},
    {"a field in the wrong case", ENTRY("{devices: all, Mig-Enabled: false, mig-enabled: false}"),
     "4:22: error: unknown key 'Mig-Enabled' in an entry; did you mean 'mig-enabled'?"},
    {"no configurations", "version: v1\nmig-configs: {}\n",
     "2:14: error: mig-configs: expected at least one configuration"},
    {"nothing for configurations", "version: v1\nmig-configs:\n",
     "2:1: error: mig-configs: expected at least one configuration"},
    {"no entries", HEAD "  a: []\n",
     "3:3: error: configuration 'a': expected a list of at least one entry"},
    {"a map for entries", HEAD "  a: {devices: all}\n",
     "3:3: error: configuration 'a': expected a list of at least one entry"},
    {"a name beyond ASCII", HEAD "  \xc3\xa4: [{devices: all, mig-enabled: false}]\n",
     "3:3: error: mig-configs: '\xc3\xa4' is no name: it must be 1 to 253 printable ASCII "
     "characters"},
    {"no devices", ENTRY("mig-enabled: false"),
     "4:7: error: an entry has no devices; add devices: all"},
    {"devices as a number", ENTRY("{devices: 0, mig-enabled: false}"),
     "4:17: error: devices: expected all or a list of GPU indexes, got '0'"},
    {"a quoted index", ENTRY("{devices: ['0'], mig-enabled: false}"),
     "4:18: error: devices: '0' is a text; write the number without quotes"},
    {"no mode", ENTRY("devices: all"),
     "4:7: error: an entry has no mig-enabled; add mig-enabled: true or false"},
    {"a quoted mode", ENTRY("{devices: all, mig-enabled: 'true', mig-devices: {}}"),
     "4:35: error: mig-enabled: 'true' is a text; write it without quotes"},
    {"MIG on without devices", ENTRY("{devices: all, mig-enabled: true}"),
     "4:7: error: mig-enabled is true but there are no mig-devices; add mig-devices, {} for none"},
    {"MIG off with devices", ENTRY("{devices: all, mig-enabled: false, mig-devices: {1g.5gb: 1}}"),
     "4:42: error: mig-devices are given but mig-enabled is false"},
    {"a negative count", ENTRY("{devices: all, mig-enabled: true, mig-devices: {1g.5gb: -1}}"),
     "4:63: error: mig-devices: expected a whole number from 0 to 1000, got '-1'"},
    {"counts of 0 only", ENTRY("{devices: all, mig-enabled: true, mig-devices: {1g.5gb: 0}}"),
     "4:54: error: mig-devices: all counts are 0; write {} for no MIG devices"},
    {"no profile", ENTRY("{devices: all, mig-enabled: true, mig-devices: {small: 1}}"),
     "4:55: error: mig-devices: 'small' is not a MIG profile like 1g.5gb, 1c.3g.20gb or "
     "1g.5gb+me"},
    {"a ConfigMap around the file",
     "apiVersion: v1\nkind: ConfigMap\ndata:\n  config.yaml: |\n    version: v1\n",
     "2:7: error: this is a ConfigMap; carve wants the text under one of the keys of its 'data'"},
    {"a filter without 0x", ENTRY("{device-filter: 20B010DE, devices: all, mig-enabled: false}"),
     "4:23: error: device-filter: '20B010DE' is not a PCI id like 0x20B010DE or "
     "0x20B010DE:0x134F10DE"},
    {"a filter with a tail",
     ENTRY("{device-filter: ['0x20B010DE:'], devices: all, mig-enabled: false}"),
     "4:24: error: device-filter: '0x20B010DE:' is not a PCI id like 0x20B010DE or "
     "0x20B010DE:0x134F10DE"},
    {"a filter of nine digits",
     ENTRY("{device-filter: '0x20B010DE1', devices: all, mig-enabled: false}"),
     "4:23: error: device-filter: '0x20B010DE1' is not a PCI id like 0x20B010DE or "
     "0x20B010DE:0x134F10DE"},
    {"broken YAML", "version: v1\nmig-configs: [\n",
     "3:1: error: did not find expected node content"},
};

enum { REFUSALS = sizeof refusals / sizeof *refusals };

static void refuses(void **state)
{
    const struct refusal *refusal = *state;
    struct mig_parsed p;

    read_text(&p, refusal->text);
    assert_int_equal(p.result, -EINVAL);
    assert_null(p.file);
    assert_true(strlen(p.err.msg) > 7);
    assert_string_equal(p.err.msg + 7, refusal->message);
    read_done(&p);
}

static void knows_profiles(void **state)
{
    static const char *const good[] = {"1g.5gb",      "7g.40gb",    "1c.3g.20gb",     "1g.5gb+me",
                                       "1g.5gb.me",   "1g.24gb-me", "1g.24gb+me.all", "2c.4g.20gb",
                                       "1g.24gb+gfx", "1g.0gb"};
    static const char *const bad[] = {"",
                                      "g.5gb",
                                      "1g.5",
                                      "1g5gb",
                                      "1g.5gb+",
                                      "1g.5gb ",
                                      "1g.5gb+M",
                                      "1g.5gb*2",
                                      "c.1g.5gb",
                                      "1g.5gb+1",
                                      "1g.5gb+aaaaaaaaaaaaaaaaaaaaaaaaa"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good + sizeof bad / sizeof *bad; i++) {
        bool is_good = i < sizeof good / sizeof *good;
        const char *profile = is_good ? good[i] : bad[i - sizeof good / sizeof *good];
        char text[256];
        struct mig_parsed p;

        (void)snprintf(text, sizeof text,
                       ENTRY("{devices: all, mig-enabled: true, mig-devices: {'%s': 1}}"), profile);
        read_text(&p, text);
        if (p.result != (is_good ? 0 : -EINVAL))
            fail_msg("'%s': %d", profile, p.result);
        read_done(&p);
    }
}

static void the_last_of_a_name_counts_with_a_warning(void **state)
{
    struct mig_parsed p;

    (void)state;
    read_text(&p, HEAD "  a: [{devices: all, mig-enabled: false}]\n"
                       "  a: [{devices: all, mig-enabled: true, mig-devices: {1g.5gb: 1, 1g.5gb: "
                       "2}}]\n");
    assert_int_equal(p.result, 0);
    assert_int_equal(p.findings.count, 2);
    assert_string_equal(p.findings.items[0].text,
                        "configuration 'a' replaces the one at line 3: remove one");
    assert_int_equal(p.file->n_configs, 1);
    assert_int_equal(p.file->configs[0].entries[0].n_counts, 1);
    assert_int_equal(p.file->configs[0].entries[0].counts[0].count, 2);
    read_done(&p);
}

static void an_empty_filter_is_none(void **state)
{
    struct mig_parsed p;

    (void)state;
    read_text(&p, ENTRY("{device-filter: '', devices: all, mig-enabled: false}"));
    assert_int_equal(p.result, 0);
    assert_int_equal(p.findings.count, 0);
    assert_int_equal(p.file->configs[0].entries[0].n_filters, 0);
    read_done(&p);
}

static void a_filter_without_quotes_is_read_with_a_warning(void **state)
{
    struct mig_parsed p;

    (void)state;
    read_text(&p, ENTRY("{device-filter: [0x20B010DE, 0x20B010DE:0x134F10DE], devices: all, "
                        "mig-enabled: false}"));
    assert_int_equal(p.result, 0);
    assert_int_equal(p.findings.count, 1);
    assert_string_equal(p.findings.items[0].text,
                        "device-filter: 0x20B010DE is a number to mig-parted; put it in quotes");
    assert_int_equal(p.findings.items[0].column, 24);
    assert_int_equal(p.file->configs[0].entries[0].n_filters, 2);
    read_done(&p);
}

static void finds_the_only_one_without_a_name(void **state)
{
    const struct mig_config *config = NULL;
    struct mig_parsed p;

    (void)state;
    read_text(&p, HEAD "  only: [{devices: all, mig-enabled: false}]\n");
    assert_int_equal(mig_file_find(&config, p.file, NULL, NULL), 0);
    assert_string_equal(config->name, "only");
    read_done(&p);
}

static void names_what_there_is_when_it_does_not_find(void **state)
{
    const struct mig_config *config = NULL;
    struct mig_parsed p;
    struct err e = {0};

    (void)state;
    read_text(&p, full);
    assert_int_equal(mig_file_find(&config, p.file, NULL, &e), -ENOENT);
    assert_string_equal(e.msg, "m.yaml has several configurations, choose one of all-disabled, "
                               "off, mine");
    assert_int_equal(mig_file_find(&config, p.file, "all-disable", &e), -ENOENT);
    assert_string_equal(e.msg, "m.yaml has no configuration 'all-disable' (did you mean "
                               "'all-disabled'?); it has all-disabled, off, mine");
    read_done(&p);
    read_text(&p, "version: v1\n");
    assert_int_equal(mig_file_find(&config, p.file, NULL, &e), -ENOENT);
    assert_string_equal(e.msg, "m.yaml has no configuration");
    assert_null(config);
    read_done(&p);
}

static void a_long_list_of_names_is_cut(void **state)
{
    const struct mig_config *config = NULL;
    struct mig_parsed p;
    struct buf text;
    struct err e = {0};

    (void)state;
    buf_init(&text, 1 << 16);
    buf_text(&text, HEAD);
    for (int i = 0; i < 200; i++)
        buf_printf(&text, "  configuration-%d: [{devices: all, mig-enabled: false}]\n", i);
    read_text(&p, text.data);
    assert_int_equal(mig_file_find(&config, p.file, "x", &e), -ENOENT);
    assert_non_null(strstr(e.msg, "configuration-0, configuration-1, "));
    assert_non_null(strstr(e.msg, " more"));
    read_done(&p);
    buf_done(&text);
}

/* write(parse(text)) is the same text again for what write made. */
static void writing_and_reading_is_stable(void **state)
{
    bool json = *state != NULL;
    struct mig_parsed first, second;
    struct buf once, twice;

    read_text(&first, full);
    buf_init(&once, 1 << 16);
    buf_init(&twice, 1 << 16);
    mig_file_write(&once, first.file, json);
    read_text(&second, once.data);
    assert_string_equal(second.err.msg, "");
    mig_file_write(&twice, second.file, json);
    assert_string_equal(once.data, twice.data);
    assert_int_equal(second.file->n_configs, 3);
    assert_string_equal(second.file->configs[1].name, "off");
    assert_int_equal(second.file->configs[2].entries[0].filters[1].subsystem, 0x134F10DE);
    read_done(&first);
    read_done(&second);
    buf_done(&once);
    buf_done(&twice);
}

static void quotes_names_that_are_more_than_text(void **state)
{
    struct mig_parsed p;
    struct buf out;

    (void)state;
    read_text(&p, HEAD "  'no': [{devices: all, mig-enabled: false}]\n"
                       "  '7': [{devices: all, mig-enabled: false}]\n"
                       "  'a \"b\\': [{devices: all, mig-enabled: false}]\n"
                       "  plain-1.x: [{devices: all, mig-enabled: false}]\n");
    buf_init(&out, 1 << 16);
    mig_file_write(&out, p.file, false);
    assert_non_null(strstr(out.data, "  \"no\":\n"));
    assert_non_null(strstr(out.data, "  \"7\":\n"));
    assert_non_null(strstr(out.data, "  \"a \\\"b\\\\\":\n"));
    assert_non_null(strstr(out.data, "  plain-1.x:\n"));
    read_done(&p);
    buf_done(&out);
}

int main(void)
{
    static char json[] = "json";
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_field),
        cmocka_unit_test(knows_profiles),
        cmocka_unit_test(the_last_of_a_name_counts_with_a_warning),
        cmocka_unit_test(an_empty_filter_is_none),
        cmocka_unit_test(a_filter_without_quotes_is_read_with_a_warning),
        cmocka_unit_test(finds_the_only_one_without_a_name),
        cmocka_unit_test(names_what_there_is_when_it_does_not_find),
        cmocka_unit_test(a_long_list_of_names_is_cut),
        {"writing_and_reading_yaml_is_stable", writing_and_reading_is_stable, NULL, NULL, NULL},
        {"writing_and_reading_json_is_stable", writing_and_reading_is_stable, NULL, NULL, json},
        cmocka_unit_test(quotes_names_that_are_more_than_text),
    };
    static struct CMUnitTest refused[REFUSALS];
    int failed;

    for (size_t i = 0; i < REFUSALS; i++)
        refused[i] =
            (struct CMUnitTest){refusals[i].name, refuses, NULL, NULL, (void *)&refusals[i]};
    failed = cmocka_run_group_tests_name("refusals", refused, NULL, NULL);
    return failed + cmocka_run_group_tests_name("mig_file", tests, NULL, NULL);
}
