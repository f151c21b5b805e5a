/* SPDX-License-Identifier: Apache-2.0 */
/* Where paths lead below a root that is not ours. */
#include "agent/root_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

#include "base/own.h"
#include "scratch.h"

static int open_scratch(void **state)
{
    static struct scratch s;

    scratch_open(&s);
    scratch_put(&s, "/a/b/file", "");
    *state = &s;
    return 0;
}

static int close_scratch(void **state)
{
    scratch_close(*state);
    return 0;
}

/* `expected` NULL: nowhere. */
static void leads(const struct scratch *s, const char *path, const char *expected)
{
    OWN_MEM char *found = root_path_follow(s->folder, path);

    if (!expected)
        assert_null(found);
    else if (!found)
        fail_msg("%s leads nowhere", path);
    else
        assert_string_equal(found, expected);
}

static void plain_paths_lead_to_themselves(void **state)
{
    leads(*state, "/a/b/file", "/a/b/file");
    leads(*state, "a//b/./../b/file", "/a/b/file");
    leads(*state, "/", "");
    leads(*state, "/a/none", NULL);
    leads(*state, "/a/b/file/x", NULL);
}

static void links_stay_below_the_root(void **state)
{
    const struct scratch *s = *state;

    scratch_link(s, "/a/relative", "b/file");
    scratch_link(s, "/c/absolute", "/a/b");
    scratch_link(s, "/a/b/up", "../../../../../../a");
    scratch_link(s, "/c/chain", "absolute/up/relative");
    scratch_link(s, "/c/out", "/dev/null");
    leads(s, "/a/relative", "/a/b/file");
    leads(s, "/c/absolute/file", "/a/b/file");
    leads(s, "/a/b/up/b/file", "/a/b/file");
    leads(s, "/c/chain", "/a/b/file");
    leads(s, "/c/out", NULL);
    leads(s, "/../../../etc/passwd", NULL);
}

static void what_does_not_end_leads_nowhere(void **state)
{
    const struct scratch *s = *state;
    char name[300], path[5000];

    scratch_link(s, "/x", "y");
    scratch_link(s, "/y", "x");
    leads(s, "/x", NULL);
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    leads(s, name, NULL);
    memset(path, '/', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    leads(s, path, NULL);
}

static void the_roots_own_links_count(void **state)
{
    OWN_MEM char *found = NULL;

    (void)state;
    found = root_path_follow("", "/proc/self/../version");
    assert_string_equal(found, "/proc/version");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_paths_lead_to_themselves, open_scratch,
                                        close_scratch),
        cmocka_unit_test_setup_teardown(links_stay_below_the_root, open_scratch, close_scratch),
        cmocka_unit_test_setup_teardown(what_does_not_end_leads_nowhere, open_scratch,
                                        close_scratch),
        cmocka_unit_test(the_roots_own_links_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
