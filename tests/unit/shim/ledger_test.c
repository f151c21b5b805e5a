/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger of a sliced process: entries, counts, growth that fails, threads, fork. */
#include "shim/ledger.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

/* How many calls of mmap still succeed; below 0: all. */
static int mmaps_left = -1;

/* A thread that grows a table stops there, with the table's lock. */
static struct {
    atomic_bool on, reached;
    sem_t go_on;
} stop;

static void stop_here(void)
{
    if (atomic_exchange(&stop.on, false)) {
        stop.reached = true;
        while (sem_wait(&stop.go_on) != 0)
            ;
    }
}

/* The C library's mmap goes by this name where files may be large. */
void *__real_mmap64(void *at, size_t size, int access, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t size, int access, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t size, int access, int flags, int fd, off_t offset)
{
    stop_here();
    if (mmaps_left == 0)
        return MAP_FAILED;
    if (mmaps_left > 0)
        mmaps_left--;
    return __real_mmap64(at, size, access, flags, fd, offset);
}

static struct ledger_entry entry(enum ledger_kind kind, uint64_t key, uint64_t bytes)
{
    return (struct ledger_entry){.kind = (uint8_t)kind, .key = key, .bytes = bytes};
}

static void put(enum ledger_kind kind, uint64_t key, uint64_t bytes)
{
    struct ledger_entry old, e = entry(kind, key, bytes);

    assert_true(ledger_put(&e, &old));
    assert_int_equal(old.kind, 0);
}

static void clear(void)
{
    static const enum ledger_kind kinds[] = {LEDGER_LINEAR, LEDGER_BLOCK, LEDGER_ARRAY,
                                             LEDGER_CONTEXT};
    struct ledger_entry e;

    while (ledger_entries() > 0) { /* a walk may miss what removals move */
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            for (uint64_t at = 0; ledger_next(kinds[i], &at, &e);)
                (void)ledger_take(kinds[i], e.key, &e);
        }
    }
}

static void takes_what_was_put(void **state)
{
    struct ledger_entry e;

    (void)state;
    put(LEDGER_LINEAR, 0x7000, 12);
    assert_true(ledger_find(LEDGER_LINEAR, 0x7000, &e));
    assert_int_equal(e.bytes, 12);
    assert_false(ledger_find(LEDGER_ARRAY, 0x7000, &e));
    assert_true(ledger_take(LEDGER_LINEAR, 0x7000, &e));
    assert_false(ledger_take(LEDGER_LINEAR, 0x7000, &e));
    assert_int_equal(ledger_entries(), 0);
}

static void gives_what_a_put_replaces(void **state)
{
    struct ledger_entry old, e = entry(LEDGER_LINEAR, 1, 5);

    (void)state;
    put(LEDGER_LINEAR, 1, 7);
    assert_true(ledger_put(&e, &old));
    assert_int_equal(old.bytes, 7);
    assert_int_equal(ledger_entries(), 1);
    clear();
}

static void counts_down_to_nothing(void **state)
{
    struct ledger_entry after, e = entry(LEDGER_BLOCK, 9, 2 << 20);

    (void)state;
    assert_false(ledger_count(&e, -1, 0, &after));
    assert_true(ledger_count(&e, 1, 0, &after));
    assert_true(ledger_count(&e, 1, 1, &after));
    assert_int_equal(after.refs, 2);
    assert_true(ledger_count(&e, -2, 0, &after));
    assert_int_equal(ledger_entries(), 1);
    assert_true(ledger_count(&e, 0, -1, &after));
    assert_int_equal(after.bytes, 2 << 20);
    assert_int_equal(ledger_entries(), 0);
}

/* An entry was replaced by one without the counts that somebody still takes back. */
static void never_counts_below_nothing(void **state)
{
    struct ledger_entry after, old, e = entry(LEDGER_POOL, 9, 7);

    (void)state;
    assert_true(ledger_count(&e, 1, 3, &after));
    e.refs = 1;
    assert_true(ledger_put(&e, &old));
    assert_true(ledger_count(&e, 0, 2, &after));
    assert_true(ledger_count(&e, 0, -3, &after));
    assert_int_equal(after.maps, 0);
    assert_int_equal(after.refs, 1);
    assert_true(ledger_count(&e, -2, 0, &after));
    assert_int_equal(after.refs, 0);
    assert_int_equal(ledger_entries(), 0);
}

/* Who has looked at what is gone or other by now must look again. */
static void charges_only_what_was_seen(void **state)
{
    struct ledger_entry seen, after, e = entry(LEDGER_POOL, 9, 7);

    (void)state;
    assert_false(ledger_charge(&e, 8));
    assert_true(ledger_count(&e, 1, 1, &seen));
    assert_true(ledger_charge(&seen, 7));
    assert_false(ledger_charge(&seen, 7)); /* somebody has looked later than we */
    assert_true(ledger_find(LEDGER_POOL, 9, &seen));
    assert_true(ledger_charge(&seen, 8));
    assert_true(ledger_find(LEDGER_POOL, 9, &seen));
    assert_true(ledger_count(&e, 0, 1, &after));
    assert_false(ledger_charge(&seen, 6)); /* one more relies on it */
    assert_true(ledger_count(&e, 0, -2, &after));
    assert_true(ledger_charge(&seen, 6)); /* nobody does */
    assert_true(ledger_take(LEDGER_POOL, 9, &after));
    assert_int_equal(after.bytes, 6);
}

/* Enough to grow every table several times, and to close gaps everywhere. */
static void finds_each_of_many(void **state)
{
    enum { MANY = 100000 };
    struct ledger_entry e;

    (void)state;
    for (uint64_t i = 0; i < MANY; i++)
        put(LEDGER_LINEAR, i << 21, i);
    for (uint64_t i = 0; i < MANY; i += 2)
        assert_true(ledger_take(LEDGER_LINEAR, i << 21, &e));
    for (uint64_t i = 0; i < MANY; i++) {
        assert_int_equal(ledger_find(LEDGER_LINEAR, i << 21, &e), i % 2);
        if (i % 2)
            assert_int_equal(e.bytes, i);
    }
    assert_int_equal(ledger_entries(), MANY / 2);
    clear();
}

static void drops_a_context_whole(void **state)
{
    enum { MANY = 5000 };
    struct ledger_entry old, e;
    uint64_t sum = 0, n = 0;

    (void)state;
    for (uint64_t i = 0; i < MANY; i++) {
        e = entry(LEDGER_LINEAR, i * 512, i);
        e.context = 1 + i % 2;
        assert_true(ledger_put(&e, &old));
    }
    for (uint64_t at = 0; ledger_take_context(1, &at, &e); n++) {
        assert_int_equal(e.context, 1);
        sum += e.bytes;
    }
    assert_int_equal(n, MANY / 2);
    assert_int_equal(sum, (uint64_t)(MANY / 2) * (MANY / 2 - 1));
    assert_int_equal(ledger_entries(), MANY / 2);
    clear();
}

/* Whatever cannot be put down is refused, and what is there stays right. */
static void refuses_without_memory(void **state)
{
    struct ledger_entry old, e;
    uint64_t n = 0;

    (void)state;
    mmaps_left = 0;
    for (uint64_t i = 1; i < 20000; i++) {
        e = entry(LEDGER_ARRAY, i * 64, i);
        n += ledger_put(&e, &old);
    }
    assert_true(n < 19999);
    assert_int_equal(ledger_entries(), n);
    mmaps_left = -1;
    put(LEDGER_LINEAR, 77, 1);
    for (uint64_t at = 0, seen = 0; ledger_next(LEDGER_ARRAY, &at, &e); seen++)
        assert_int_equal(e.key, e.bytes * 64);
    clear();
}

/* Threads that put and take their own keys and share a count. */
static void *worker(void *self)
{
    uint64_t base = (uint64_t)(uintptr_t)self << 40;
    struct ledger_entry e, old, block = entry(LEDGER_BLOCK, 1, 0);

    for (uint64_t i = 1; i <= 20000; i++) {
        e = entry(LEDGER_LINEAR, base + i, i);
        if (!ledger_put(&e, &old) || old.kind != 0 || !ledger_count(&block, 1, 0, &e))
            return self;
        if (i % 3 && (!ledger_take(LEDGER_LINEAR, base + i, &e) || e.bytes != i))
            return self;
    }
    return NULL;
}

static void serves_threads(void **state)
{
    pthread_t threads[8];
    struct ledger_entry e;
    void *failed;

    (void)state;
    for (uintptr_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, worker, (void *)(i + 1)), 0);
    for (unsigned i = 0; i < 8; i++) {
        (void)pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_true(ledger_find(LEDGER_BLOCK, 1, &e));
    assert_int_equal(e.refs, 8 * 20000);
    assert_int_equal(ledger_entries(), 8 * (20000 / 3) + 1);
    clear();
}

/* A child has none of its parent's memory, even if another thread held every lock at the fork. */
static void child_starts_empty(void **state)
{
    struct ledger_entry e, old;
    pthread_t thread;
    int status = 0;

    (void)state;
    put(LEDGER_LINEAR, 5, 5);
    assert_int_equal(pthread_create(&thread, NULL, worker, (void *)9), 0);
    for (unsigned i = 0; i < 20 && status == 0; i++) {
        pid_t child = fork();

        if (child == 0) {
            e = entry(LEDGER_LINEAR, 6, 6);
            _exit(ledger_entries() != 0 || ledger_find(LEDGER_LINEAR, 5, &old) ||
                  !ledger_put(&e, &old) || ledger_entries() != 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
    }
    (void)pthread_join(thread, NULL);
    assert_int_equal(status, 0);
    assert_true(ledger_find(LEDGER_LINEAR, 5, &e));
    clear();
}

/* ---- who waits for a lock sleeps, whatever its priority */

/* Until the condition holds, for a minute. */
static bool until(bool (*holds)(void))
{
    const struct timespec a_moment = {.tv_nsec = 1000000};

    for (unsigned i = 0; i < 60000; i++) {
        if (holds())
            return true;
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &a_moment, NULL);
    }
    return false;
}

static atomic_int waiter; /* its tid, right before it asks */

static void *grow_a_table(void *unused)
{
    struct ledger_entry e = entry(LEDGER_CONTEXT, 1, 1), old;

    (void)unused;
    for (e.key = 1; !stop.reached; e.key++)
        (void)ledger_put(&e, &old);
    return NULL;
}

static void *look_into_it(void *unused)
{
    struct ledger_entry e;

    (void)unused;
    errno = 77;
    waiter = gettid();
    (void)ledger_find(LEDGER_CONTEXT, 0, &e);
    return errno == 77 ? NULL : &waiter;
}

static bool holder_holds(void)
{
    return stop.reached;
}

static bool waiter_sleeps(void)
{
    char path[64], state = '?';
    FILE *file;

    if (waiter == 0)
        return false;
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", waiter);
    file = fopen(path, "r");
    if (file) {
        (void)fscanf(file, "%*d (%*[^)]) %c", &state);
        (void)fclose(file);
    }
    return state == 'S';
}

static void who_waits_for_a_lock_sleeps(void **state)
{
    pthread_t holder, threads[4];
    void *failed;
    bool slept[4];

    (void)state;
    assert_int_equal(sem_init(&stop.go_on, 0, 0), 0);
    stop.on = true;
    assert_int_equal(pthread_create(&holder, NULL, grow_a_table, NULL), 0);
    assert_true(until(holder_holds));
    for (unsigned i = 0; i < 4; i++) {
        waiter = 0;
        assert_int_equal(pthread_create(&threads[i], NULL, look_into_it, NULL), 0);
        slept[i] = until(waiter_sleeps);
    }
    assert_int_equal(sem_post(&stop.go_on), 0);
    (void)pthread_join(holder, NULL);
    for (unsigned i = 0; i < 4; i++) {
        (void)pthread_join(threads[i], &failed); /* all are woken */
        assert_null(failed);
        assert_true(slept[i]);
    }
    clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_was_put),
        cmocka_unit_test(gives_what_a_put_replaces),
        cmocka_unit_test(counts_down_to_nothing),
        cmocka_unit_test(never_counts_below_nothing),
        cmocka_unit_test(charges_only_what_was_seen),
        cmocka_unit_test(refuses_without_memory), /* while the tables are small */
        cmocka_unit_test(finds_each_of_many),
        cmocka_unit_test(drops_a_context_whole),
        cmocka_unit_test(serves_threads),
        cmocka_unit_test(child_starts_empty),
        cmocka_unit_test(who_waits_for_a_lock_sleeps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
