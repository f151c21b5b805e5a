/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger: what several users claim at once, and what of it is not believed. */
#include "pages.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALICE = 12345, BOB = 12346, CROWD = 64 };

/* ---- a child that claims and stays */

struct claimer {
    const char *folder;
    uint32_t uid;
    uint64_t bytes;
    unsigned tries;
    int seen[2]; /* a pipe: the answer, a byte */
};

static enum claim_answer ask(struct page *p, const struct claimer *c)
{
    enum claim_answer answer = CLAIM_CROWDED;
    uint32_t device;

    for (unsigned i = 0; i < c->tries && answer == CLAIM_CROWDED; i++)
        answer = claim_decide(p, c->folder, &device);
    return answer;
}

static int claim_and_stay(void *argument)
{
    const struct claimer *c = argument;
    const struct page_wish wish = pages_wish(c->bytes);
    char path[PAGE_PATH_SIZE];
    struct page *p = NULL;
    unsigned char answer;

    if (setgroups(0, NULL) != 0 || setgid(c->uid) != 0 || setuid(c->uid) != 0 ||
        prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || /* setuid took it off */
        page_make(&p, path, c->folder, &wish) != 0)
        return 1;
    answer = (unsigned char)ask(p, c);
    if (write(c->seen[1], &answer, 1) != 1)
        return 2;
    for (;;)
        (void)pause();
}

static pid_t start(struct claimer *c)
{
    return pages_child(claim_and_stay, c);
}

static enum claim_answer answer_of(const struct claimer *c)
{
    unsigned char answer = 255;

    assert_int_equal(read(c->seen[0], &answer, 1), 1);
    return (enum claim_answer)answer;
}

static struct claimer claimer(const char *folder, uint32_t uid, uint64_t bytes)
{
    struct claimer c = {.folder = folder, .uid = uid, .bytes = bytes, .tries = 60};

    assert_int_equal(pipe2(c.seen, O_CLOEXEC), 0);
    return c;
}

static void stop(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(pages_end(pid), 128 + SIGKILL);
}

static void done(const struct claimer *c)
{
    (void)close(c->seen[0]);
    (void)close(c->seen[1]);
}

/* ---- what the ledger says */

struct seen {
    unsigned n, sound, alive, faults[PAGE_FAULTS];
};

static bool see(void *self, const struct claim *c)
{
    struct seen *seen = self;

    seen->n++;
    seen->faults[c->fault]++;
    seen->sound += c->fault == PAGE_SOUND;
    seen->alive += c->fault == PAGE_SOUND && c->alive;
    return true;
}

static struct seen look(const char *folder)
{
    struct seen seen = {0};

    assert_int_equal(claim_walk(folder, see, &seen), 0);
    return seen;
}

static struct claim_sum sum_of(const char *folder)
{
    const struct page_wish wish = pages_wish(0);
    struct claim_sum sum = {0};

    assert_int_equal(claim_sum(&sum, folder, &wish.limits[0], 0), 0);
    return sum;
}

static void two_users_share_one_gpu(void **state)
{
    const char *folder = *state;
    struct claimer alice = claimer(folder, ALICE, 3000), bob = claimer(folder, BOB, 1001);
    pid_t first = start(&alice), second;

    assert_int_equal(answer_of(&alice), CLAIM_GRANTED);
    second = start(&bob);
    assert_int_equal(answer_of(&bob), CLAIM_NO_ROOM);
    assert_int_equal(sum_of(folder).granted_bytes, 3000);
    assert_int_equal(sum_of(folder).n, 1);
    stop(second);
    bob.bytes = 1000;
    second = start(&bob);
    assert_int_equal(answer_of(&bob), CLAIM_GRANTED);
    assert_int_equal(sum_of(folder).granted_bytes, 4000);
    stop(first); /* what it had is free as soon as it is dead */
    assert_int_equal(sum_of(folder).granted_bytes, 1000);
    stop(second);
    assert_int_equal(look(folder).alive, 0);
    assert_int_equal(claim_clean(folder), 3);
    assert_int_equal(look(folder).n, 0);
    done(&alice);
    done(&bob);
}

static void a_user_cleans_up_its_own(void **state)
{
    const char *folder = *state;
    struct claimer alice = claimer(folder, ALICE, 100), bob = claimer(folder, BOB, 100);
    pid_t first = start(&alice), second;

    assert_int_equal(answer_of(&alice), CLAIM_GRANTED);
    second = start(&bob);
    assert_int_equal(answer_of(&bob), CLAIM_GRANTED);
    stop(first);
    assert_int_equal(chmod(folder, 0777), 0); /* it could take any away */
    assert_int_equal(seteuid(BOB), 0);
    assert_int_equal(claim_clean(folder), 0);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(seteuid(ALICE), 0);
    assert_int_equal(claim_clean(folder), 1);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(look(folder).alive, 1);
    stop(second);
    assert_int_equal(claim_clean(folder), 1);
    done(&alice);
    done(&bob);
}

/* As many as fit get it, whoever they are; the sum never is above what there is. */
static void sixty_four_claim_at_once(void **state)
{
    const char *folder = *state;
    struct claimer c = claimer(folder, ALICE, 100);
    pid_t pids[CROWD];
    unsigned granted = 0, refused = 0;

    for (unsigned i = 0; i < CROWD; i++) {
        c.uid = ALICE + i % 2;
        pids[i] = start(&c);
    }
    for (unsigned i = 0; i < CROWD; i++) {
        enum claim_answer answer = answer_of(&c);

        granted += answer == CLAIM_GRANTED;
        refused += answer == CLAIM_NO_ROOM;
        assert_true(sum_of(folder).granted_bytes <= PAGES_TOTAL);
    }
    assert_int_equal(granted, PAGES_TOTAL / 100);
    assert_int_equal(refused, CROWD - PAGES_TOTAL / 100);
    assert_int_equal(sum_of(folder).n, PAGES_TOTAL / 100);
    for (unsigned i = 0; i < CROWD; i++)
        stop(pids[i]);
    assert_int_equal(claim_clean(folder), CROWD);
    done(&c);
}

static void sixty_four_slices_on_a_gpu(void **state)
{
    const char *folder = *state;
    struct claimer c = claimer(folder, ALICE, PAGES_TOTAL / CROWD);
    pid_t pids[CROWD];

    for (unsigned i = 0; i < CROWD; i++)
        pids[i] = start(&c);
    for (unsigned i = 0; i < CROWD; i++)
        assert_int_equal(answer_of(&c), CLAIM_GRANTED);
    assert_int_equal(sum_of(folder).granted_bytes, PAGES_TOTAL / CROWD * CROWD);
    for (unsigned i = 0; i < CROWD; i++)
        stop(pids[i]);
    assert_int_equal(claim_clean(folder), CROWD);
    done(&c);
}

/* ---- what is not believed */

static void put(const char *folder, const char *name, const void *bytes, size_t size, uint32_t uid)
{
    char path[PAGE_PATH_SIZE];
    int fd;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    assert_int_equal(fchown(fd, uid, uid), 0);
    (void)close(fd);
}

static void junk_is_told_and_counts_for_nothing(void **state)
{
    const char *folder = *state;
    char path[PAGE_PATH_SIZE], name[64];
    static char zeros[sizeof(struct page)];
    struct page *p = pages_make(folder, path);
    struct seen seen;

    (void)snprintf(name, sizeof name, "carve-%u-%016x", BOB, 1);
    put(folder, name, p, sizeof *p, ALICE); /* of Alice, in the name of Bob */
    (void)snprintf(name, sizeof name, "carve-%u-%016x", ALICE, 2);
    put(folder, name, p, sizeof *p, ALICE); /* a copy of another's page */
    put(folder, "carve-0-0000000000000003", zeros, sizeof zeros, 0);
    put(folder, "carve-0-0000000000000004", "", 0, 0);
    put(folder, "carve-0-nonsense", p, sizeof *p, 0);
    put(folder, "other", "", 0, 0);
    (void)snprintf(path, sizeof path, "%s/carve-0-0000000000000005", folder);
    assert_int_equal(symlink("/dev/zero", path), 0);
    (void)snprintf(path, sizeof path, "%s/carve-0-0000000000000006", folder);
    assert_int_equal(mkfifo(path, 0644), 0);
    seen = look(folder);
    assert_int_equal(seen.n, 7);
    assert_int_equal(seen.sound, 1);
    assert_int_equal(seen.faults[PAGE_OTHERS_OWN], 2);
    assert_int_equal(seen.faults[PAGE_NOT_A_PAGE], 1);
    assert_int_equal(seen.faults[PAGE_WRONG_SIZE], 1);
    assert_int_equal(seen.faults[PAGE_NOT_A_FILE], 2);
    assert_int_equal(sum_of(folder).n, 1);
    page_detach(&p->slots[0]);
    assert_int_equal(claim_clean(folder), 1);
    page_unmap(p);
}

/* It says that the GPU is larger than it is. */
static void a_claim_above_the_gpu_is_not_counted(void **state)
{
    const char *folder = *state;
    struct page_wish wish = pages_wish(PAGES_TOTAL + 1);
    char path[PAGE_PATH_SIZE];
    struct page *p = NULL;

    wish.limits[0].total_bytes *= 2;
    assert_int_equal(page_make(&p, path, folder, &wish), 0);
    p->common.claim = PAGE_GRANTED;
    assert_int_equal(look(folder).alive, 1);
    assert_int_equal(sum_of(folder).n, 0);
    page_detach(&p->slots[0]);
    assert_int_equal(claim_clean(folder), 1);
    page_unmap(p);
}

/* Asked for by who steps back: it waits, and others may have the room. */
static void who_waits_counts_for_nothing(void **state)
{
    const char *folder = *state;
    char path[PAGE_PATH_SIZE];
    struct page *p = pages_make(folder, path);

    assert_int_equal(sum_of(folder).asking_bytes, PAGES_LIMIT);
    p->common.claim = PAGE_WAITING;
    assert_int_equal(sum_of(folder).n, 0);
    p->common.claim = PAGE_ENDED; /* but somebody is in */
    assert_int_equal(sum_of(folder).granted_bytes, PAGES_LIMIT);
    page_detach(&p->slots[0]);
    assert_int_equal(sum_of(folder).n, 0);
    assert_int_equal(claim_clean(folder), 1);
    page_unmap(p);
}

static void other_devices_do_not_matter(void **state)
{
    const char *folder = *state;
    struct page_wish wish = pages_wish(PAGES_TOTAL);
    char path[PAGE_PATH_SIZE], other[PAGE_PATH_SIZE];
    struct page *p = NULL, *q = NULL;
    uint32_t device = 9;

    assert_int_equal(page_make(&p, path, folder, &wish), 0);
    assert_int_equal(claim_decide(p, folder, &device), CLAIM_GRANTED);
    wish.n_devices = 2;
    wish.limits[1] = wish.limits[0];
    wish.limits[0].uuid[0] = 'x';
    assert_int_equal(page_make(&q, other, folder, &wish), 0);
    assert_int_equal(claim_decide(q, folder, &device), CLAIM_NO_ROOM);
    assert_int_equal(device, 1);
    assert_int_equal(q->common.claim, PAGE_WAITING);
    page_detach(&p->slots[0]);
    assert_int_equal(claim_decide(q, folder, &device), CLAIM_GRANTED);
    page_detach(&q->slots[0]);
    assert_int_equal(claim_clean(folder), 2);
    page_unmap(p);
    page_unmap(q);
}

static void a_folder_that_cannot_be_read_grants_nothing(void **state)
{
    const char *folder = *state;
    char path[PAGE_PATH_SIZE];
    struct page *p = pages_make(folder, path);
    uint32_t device;

    assert_int_equal(claim_decide(p, "/dev/shm/no-such-folder", &device), CLAIM_UNREADABLE);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(p->common.claim, PAGE_WAITING);
    page_detach(&p->slots[0]);
    assert_int_equal(claim_clean(folder), 1);
    page_unmap(p);
}

/* More files than we look at: nothing is granted, as any of the rest may be a claim. */
static void a_folder_with_too_many_pages_grants_nothing(void **state)
{
    const char *folder = *state;
    char path[PAGE_PATH_SIZE], name[64];
    struct page *p = pages_make(folder, path);
    uint32_t device;

    for (unsigned i = 0; i < CLAIMS_MAX; i++) {
        (void)snprintf(name, sizeof name, "carve-%u-%016x", BOB, i);
        put(folder, name, "", 0, BOB + i / (CLAIMS_OF_USER / 2));
    }
    assert_int_equal(claim_decide(p, folder, &device), CLAIM_UNREADABLE);
    assert_int_equal(errno, EOVERFLOW);
    page_unmap(p);
}

/* Whatever the names of his files say. */
static void a_flood_of_pages_stops_only_who_made_it(void **state)
{
    const char *folder = *state;
    struct claimer alice = claimer(folder, ALICE, 100), bob = claimer(folder, BOB, 100);
    char name[64];
    pid_t first, second;

    for (unsigned i = 0; i < CLAIMS_MAX + 1; i++) {
        (void)snprintf(name, sizeof name, "carve-%u-%016x", i % 2 ? ALICE : BOB, i);
        put(folder, name, "", 0, BOB);
    }
    first = start(&alice);
    assert_int_equal(answer_of(&alice), CLAIM_GRANTED);
    second = start(&bob);
    assert_int_equal(answer_of(&bob), CLAIM_UNREADABLE);
    stop(first);
    stop(second);
    done(&alice);
    done(&bob);
}

/* ---- two at once, of which only one fits */

struct rival {
    const char *folder;
    struct page *page;
};

static int claim_until_decided(void *argument)
{
    const struct rival *r = argument;
    enum claim_answer answer = CLAIM_CROWDED;
    uint32_t device;

    while (answer == CLAIM_CROWDED)
        answer = claim_decide(r->page, r->folder, &device);
    return (int)answer;
}

/* The one with the higher id, though it never stops asking, steps back each time. */
static void of_two_that_ask_the_lower_id_gets_it(void **state)
{
    const char *folder = *state;
    const struct page_wish wish = pages_wish(PAGES_TOTAL / 2 + 1);
    char path[PAGE_PATH_SIZE];
    struct page *pages[2] = {0}, *low;
    struct rival high = {.folder = folder};
    uint32_t device;
    pid_t pid;

    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(page_make(&pages[i], path, folder, &wish), 0); /* both ask from now on */
    low = pages[pages[1]->head.id < pages[0]->head.id];
    high.page = pages[pages[1]->head.id > pages[0]->head.id];
    pid = pages_child(claim_until_decided, &high);
    assert_int_equal(claim_decide(low, folder, &device), CLAIM_GRANTED);
    assert_int_equal(pages_end(pid), CLAIM_NO_ROOM);
    for (unsigned i = 0; i < 2; i++) {
        page_detach(&pages[i]->slots[0]);
        page_unmap(pages[i]);
    }
    assert_int_equal(claim_clean(folder), 2);
}

/* Bob cannot see Alice's processes in /proc; her claim counts no less. */
static int look_with_hidepid(void *argument)
{
    const char *folder = argument;

    if (unshare(CLONE_NEWNS) != 0 || mount("", "/", "", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("proc", "/proc", "proc", 0, "hidepid=2") != 0 || setgroups(0, NULL) != 0 ||
        setgid(BOB) != 0 || setuid(BOB) != 0)
        return 1;
    return access("/proc/1/stat", F_OK) != 0 && sum_of(folder).granted_bytes == 3000 ? 0 : 2;
}

static void a_claim_of_a_hidden_process_counts(void **state)
{
    const char *folder = *state;
    struct claimer alice = claimer(folder, ALICE, 3000);
    pid_t pid = start(&alice);

    assert_int_equal(answer_of(&alice), CLAIM_GRANTED);
    assert_int_equal(pages_end(pages_child(look_with_hidepid, *state)), 0);
    stop(pid);
    done(&alice);
}

static int set_up(void **state)
{
    *state = pages_folder_make();
    return 0;
}

static int tear_down(void **state)
{
    pages_folder_remove(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(two_users_share_one_gpu),
        TEST(a_user_cleans_up_its_own),
        TEST(sixty_four_claim_at_once),
        TEST(sixty_four_slices_on_a_gpu),
        TEST(junk_is_told_and_counts_for_nothing),
        TEST(a_claim_above_the_gpu_is_not_counted),
        TEST(who_waits_counts_for_nothing),
        TEST(other_devices_do_not_matter),
        TEST(a_folder_that_cannot_be_read_grants_nothing),
        TEST(a_folder_with_too_many_pages_grants_nothing),
        TEST(a_flood_of_pages_stops_only_who_made_it),
        TEST(of_two_that_ask_the_lower_id_gets_it),
        TEST(a_claim_of_a_hidden_process_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
