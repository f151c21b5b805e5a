/* SPDX-License-Identifier: Apache-2.0 */
/* A child process with a deadline: what it told, however it ended. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "doctor/child.h"
#include "test.h"

enum { SOON_MS = 100, LATE_MS = 60000 };

static void tells(void *self, int fd)
{
    child_tell(fd, self, strlen(self));
}

static void tells_much(void *self, int fd)
{
    static const char block[4096];

    (void)self;
    for (int i = 0; i < 256; i++)
        child_tell(fd, block, sizeof block);
}

static void tells_and_hangs(void *self, int fd)
{
    tells(self, fd);
    for (;;)
        (void)pause();
}

static void tells_and_dies(void *self, int fd)
{
    tells(self, fd);
    (void)raise(SIGKILL);
}

static void tells_and_leaves(void *self, int fd)
{
    tells(self, fd);
    _exit(3);
}

static void tells_closes_and_hangs(void *self, int fd)
{
    tells(self, fd);
    (void)close(fd);
    for (;;)
        (void)pause();
}

static const struct row {
    child_work *work;
    unsigned timeout_ms;
    enum child_end end;
    int signal;
} rows[] = {
    {tells, LATE_MS, CHILD_DONE, 0},
    {tells_and_hangs, SOON_MS, CHILD_LATE, SIGKILL},
    {tells_closes_and_hangs, SOON_MS, CHILD_LATE, SIGKILL},
    {tells_and_dies, LATE_MS, CHILD_CRASHED, SIGKILL},
    {tells_and_leaves, LATE_MS, CHILD_CRASHED, 0},
};

static void what_it_told_is_kept_however_it_ends(void **state)
{
    char word[] = "word";

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum child_end end = CHILD_DONE;
        struct buf told;
        int number = -1;

        buf_init(&told, 1 << 16);
        assert_int_equal(
            child_run(&end, &number, &told, rows[i].work, word, rows[i].timeout_ms, NULL), 0);
        assert_int_equal(end, rows[i].end);
        assert_int_equal(number, rows[i].signal);
        assert_int_equal(told.size, 4);
        assert_memory_equal(told.data, word, 4);
        buf_done(&told);
    }
}

static void its_end_is_told_though_who_started_us_ignores_it(void **state)
{
    enum child_end end = CHILD_LATE;
    char word[] = "word";
    struct buf told;
    int number;

    (void)state;
    buf_init(&told, 1 << 16);
    (void)signal(SIGCHLD, SIG_IGN);
    assert_int_equal(child_run(&end, &number, &told, tells, word, LATE_MS, NULL), 0);
    assert_int_equal(end, CHILD_DONE);
    buf_done(&told);
}

static void much_is_read_whole_and_too_much_is_not(void **state)
{
    enum child_end end = CHILD_LATE;
    struct buf told;
    int number;

    (void)state;
    buf_init(&told, 2 << 20);
    assert_int_equal(child_run(&end, &number, &told, tells_much, NULL, LATE_MS, NULL), 0);
    assert_int_equal(end, CHILD_DONE);
    assert_int_equal(told.size, 1 << 20);
    buf_done(&told);
    buf_init(&told, 1000);
    assert_int_equal(child_run(&end, &number, &told, tells_much, NULL, LATE_MS, NULL), 0);
    assert_int_not_equal(end, CHILD_DONE);
    assert_int_equal(told.size, 0);
    buf_done(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_told_is_kept_however_it_ends),
        cmocka_unit_test(its_end_is_told_though_who_started_us_ignores_it),
        cmocka_unit_test(much_is_read_whole_and_too_much_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
