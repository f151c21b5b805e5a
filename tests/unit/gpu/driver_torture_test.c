/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door with the n-th allocation failing, for every n: an error with words, or a shorter
 * inventory, never a crash; the sanitizers look for leaks. The linker puts the wrappers here in
 * front of the allocator.
 */
#include "test.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "door.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
int __wrap_asprintf(char **out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static const char *library;
static bool armed;
static unsigned allocations, fail_at;

static bool fails(void)
{
    return armed && ++allocations == fail_at;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

int __wrap_asprintf(char **out, const char *fmt, ...)
{
    va_list args;
    int rc;

    if (fails())
        return -1;
    va_start(args, fmt);
    rc = vasprintf(out, fmt, args);
    va_end(args);
    return rc;
}

static int open_and_read(struct door *door, struct inventory **inv, struct err *e)
{
    char sysfs[96];
    int rc = driver_open_nvml(&door->driver, door->root, door_sysfs(door, sysfs), e);

    return rc ? rc : door->driver.read(door->driver.self, inv, e);
}

static void survives_each_allocation_failing(void **state)
{
    unsigned errors = 0;

    (void)state;
    do {
        struct door door;
        struct inventory *inv = NULL;
        struct err e = {0};
        int rc;

        door_make(&door, library);
        door.fake->gpus[0].n_processes = FAKE_PROCESSES;
        allocations = 0;
        fail_at++;
        armed = true;
        rc = open_and_read(&door, &inv, &e);
        armed = false;
        if (rc) {
            errors++;
            assert_int_equal(rc, -ENOMEM);
            assert_string_equal(e.msg, "out of memory");
            assert_null(inv);
        } else {
            assert_int_equal(inv->n_gpus, 3);
            for (unsigned i = 0; i < inv->n_gpus; i++)
                assert_string_equal(inv->gpus[i].fault, "");
        }
        inventory_free(inv);
        door_remove(&door);
    } while (allocations >= fail_at);
    assert_in_range(errors, 10, fail_at - 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(survives_each_allocation_failing)};

    if (argc != 2)
        return 2;
    library = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
