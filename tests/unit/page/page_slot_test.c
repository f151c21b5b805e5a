/* SPDX-License-Identifier: Apache-2.0 */
/* Who is in, and who is dead: also over exec, in other namespaces, hidden, without descriptors. */
#include "pages.h"
#include "test.h"

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 12345 };

struct state {
    char *folder;
    char path[PAGE_PATH_SIZE];
    struct page *page;
};

static struct page_slot *first(const struct state *s)
{
    return &s->page->slots[0];
}

/* ---- children that take part */

/* Is in with 100 bytes, says so, and waits to be killed. */
static int stay(void *argument)
{
    struct page *p = argument;
    struct page_slot *slot = page_attach(p, PAGE_PROCESS);

    if (!slot || !page_reserve(p, slot, 0, 100))
        return 1;
    for (;;)
        (void)pause();
}

struct member {
    const struct page *page;
    pid_t pid;
};

static bool has_its_hundred(void *argument)
{
    const struct member *m = argument;

    for (unsigned i = 0; i < page_slots(m->page); i++)
        if (m->page->slots[i].pid == (uint32_t)m->pid &&
            m->page->slots[i].use[0].tracked_bytes == 100)
            return true;
    return false;
}

static pid_t start(int (*run)(void *), struct page *p)
{
    struct member m = {p, pages_child(run, p)};

    assert_true(pages_until(has_its_hundred, &m));
    return m.pid;
}

static pid_t start_one(struct page *p)
{
    return start(stay, p);
}

static void kill_one(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(pages_end(pid), 128 + SIGKILL);
}

static void who_is_in_is_alive_until_it_dies(void **state)
{
    struct state *s = *state;
    pid_t pid = start_one(s->page);
    const struct page_slot *slot = &s->page->slots[1];

    assert_int_equal(slot->pid, pid);
    assert_int_equal(page_life(slot), PAGE_ALIVE);
    assert_true(page_has(s->page, PAGE_PROCESS));
    assert_int_equal(page_reap(s->page), 0);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_int_equal(page_reap(s->page), 0);
    kill_one(pid);
    assert_int_equal(page_life(slot), PAGE_DEAD);
    assert_false(page_has(s->page, PAGE_PROCESS));
    assert_true(page_has(s->page, PAGE_RUN));
    assert_true(page_alive(s->page));
    assert_int_equal(page_used(s->page, 0), 100);
    assert_int_equal(page_reap(s->page), 1);
    assert_int_equal(page_used(s->page, 0), 0);
}

/* Before anyone has waited for it: nobody may, for long. */
static void a_zombie_is_dead(void **state)
{
    struct state *s = *state;
    pid_t pid = start_one(s->page);
    siginfo_t info;

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(page_life(&s->page->slots[1]), PAGE_DEAD);
    assert_int_equal(page_reap(s->page), 1);
    assert_int_equal(pages_end(pid), 128 + SIGKILL);
}

static void *outlive(void *argument)
{
    while (pause() < 0)
        ;
    return argument;
}

static int leave_a_thread(void *argument)
{
    struct page *p = argument;
    struct page_slot *slot = page_attach(p, PAGE_PROCESS);
    pthread_t thread;

    if (!slot || !page_reserve(p, slot, 0, 100) ||
        pthread_create(&thread, NULL, outlive, NULL) != 0)
        return 1;
    pthread_exit(NULL);
}

static bool is_zombie(void *argument)
{
    char path[64], text[256] = "";
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", *(const pid_t *)argument);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    (void)!read(fd, text, sizeof text - 1);
    (void)close(fd);
    return strstr(text, ") Z ") != NULL;
}

static void a_zombie_with_threads_lives(void **state)
{
    struct state *s = *state;
    pid_t pid = start(leave_a_thread, s->page);

    assert_true(pages_until(is_zombie, &pid));
    assert_int_equal(page_life(&s->page->slots[1]), PAGE_ALIVE);
    assert_int_equal(page_reap(s->page), 0);
    kill_one(pid);
    assert_int_equal(page_reap(s->page), 1);
}

/* The same pid, started at another time. */
static void another_process_with_the_pid_is_not_it(void **state)
{
    struct state *s = *state;
    pid_t pid = start_one(s->page);

    s->page->slots[1].owner ^= 1ull << 30;
    assert_int_equal(page_life(&s->page->slots[1]), PAGE_DEAD);
    s->page->slots[1].owner ^= 1ull << 30;
    assert_int_equal(page_life(&s->page->slots[1]), PAGE_ALIVE);
    kill_one(pid);
    assert_int_equal(page_reap(s->page), 1);
}

/* ---- all slots held */

static void all_slots_held(void **state)
{
    struct state *s = *state;
    pid_t pid = start_one(s->page);
    uint64_t alive = s->page->slots[1].owner;

    for (unsigned i = 2; i < PAGE_SLOTS; i++)
        s->page->slots[i].owner = alive;
    s->page->common.slots_high = PAGE_SLOTS;
    s->page->common.turned_away = 0;
    assert_int_equal(pages_end(pages_child(stay, s->page)), 1);
    assert_int_equal(s->page->common.turned_away, 1);
    kill_one(pid);
    pid = start_one(s->page);
    assert_int_equal(page_used(s->page, 0), 100);
    kill_one(pid);
    assert_int_equal(page_reap(s->page), 1);
    for (unsigned i = 1; i < PAGE_SLOTS; i++)
        assert_int_equal(s->page->slots[i].owner, 0);
}

/* ---- exec */

/* What the program is after the exec: it must get the slot that it had, empty. */
static int after_exec(const char *path)
{
    struct page *p = NULL;
    struct page_slot *slot;

    if (page_map(&p, path) != PAGE_SOUND || page_used(p, 0) != 100)
        return 1;
    slot = page_attach(p, PAGE_PROCESS);
    if (slot != &p->slots[1] || page_used(p, 0) != 0 || slot->pid != (uint32_t)getpid())
        return 2;
    page_detach(slot);
    return p->slots[1].owner == 0 ? 0 : 3;
}

static int exec_with_slot(void *argument)
{
    struct state *s = argument;
    struct page_slot *slot = page_attach(s->page, PAGE_PROCESS);

    if (!slot || !page_reserve(s->page, slot, 0, 100))
        return 101;
    (void)execl("/proc/self/exe", "page_slot_test", s->path, (char *)NULL);
    return 102;
}

static void over_an_exec_the_slot_is_kept_and_emptied(void **state)
{
    assert_int_equal(pages_end(pages_child(exec_with_slot, *state)), 0);
}

/* ---- fork */

static int give_away(void *argument)
{
    page_detach(argument);
    return 0;
}

static void a_child_cannot_give_its_parents_slot_away(void **state)
{
    struct state *s = *state;

    assert_int_equal(pages_end(pages_child(give_away, first(s))), 0);
    assert_int_not_equal(first(s)->owner, 0);
}

/* ---- what we cannot see is not dead */

static int reap_without_descriptors(void *argument)
{
    struct page *p = argument;
    const struct rlimit none = {0};
    uint64_t owner = p->slots[1].owner;

    if (setrlimit(RLIMIT_NOFILE, &none) != 0)
        return 1;
    if (page_attach(p, PAGE_PROCESS))
        return 2;
    return page_reap(p) == 0 && page_life(&p->slots[1]) == PAGE_UNKNOWN &&
                   p->slots[1].owner == owner && page_alive(p)
               ? 0
               : 3;
}

static void without_descriptors_nobody_is_dead(void **state)
{
    struct state *s = *state;
    pid_t pid = start_one(s->page);

    assert_int_equal(pages_end(pages_child(reap_without_descriptors, s->page)), 0);
    kill_one(pid);
    assert_int_equal(page_reap(s->page), 1);
}

/* /proc shows a user only its own processes: the others still live. */
static int look_with_hidepid(void *argument)
{
    struct page *p = argument;

    if (unshare(CLONE_NEWNS) != 0 || mount("", "/", "", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("proc", "/proc", "proc", 0, "hidepid=2") != 0 || setgroups(0, NULL) != 0 ||
        setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
        return 1;
    if (access("/proc/1/stat", F_OK) == 0)
        return 2;
    return page_life(&p->slots[1]) == PAGE_UNKNOWN && page_life(&p->slots[2]) == PAGE_DEAD ? 0 : 3;
}

static void a_hidden_process_is_not_dead(void **state)
{
    struct state *s = *state;
    pid_t pid = start_one(s->page), gone;

    gone = start_one(s->page);
    kill_one(gone);
    assert_int_equal(pages_end(pages_child(look_with_hidepid, s->page)), 0);
    kill_one(pid);
    assert_int_equal(page_reap(s->page), 2);
}

/* In a pid namespace of its own, with our /proc: pid 1 there is another process than pid 1 here. */
static int look_from_within(void *argument)
{
    struct page *p = argument;
    struct page_slot *slot;

    if (page_reap(p) != 0 || page_life(&p->slots[0]) != PAGE_UNKNOWN)
        return 1;
    slot = page_attach(p, PAGE_PROCESS);
    if (!slot || page_life(slot) == PAGE_DEAD || slot->pid != 1)
        return 2;
    page_charge(slot, 0, 50);
    return page_reap(p) == 0 ? 0 : 3;
}

static int go_within(void *argument)
{
    if (unshare(CLONE_NEWPID) != 0)
        return 101;
    return pages_end(pages_child(look_from_within, argument));
}

static void in_another_pid_namespace_nobody_is_dead(void **state)
{
    struct state *s = *state;

    assert_int_equal(pages_end(pages_child(go_within, s->page)), 0);
    /* It is dead now, but that cannot be seen from here: so it counts. */
    assert_int_equal(page_life(&s->page->slots[1]), PAGE_UNKNOWN);
    assert_int_equal(page_reap(s->page), 0);
    assert_int_equal(page_used(s->page, 0), 50);
    memset(&s->page->slots[1], 0, sizeof s->page->slots[1]);
}

/* ---- the end */

static int attach(void *argument)
{
    return page_attach(argument, PAGE_PROCESS) ? 0 : 1;
}

static void nobody_comes_into_a_page_that_has_ended(void **state)
{
    struct state *s = *state;

    assert_int_equal(pages_end(pages_child(attach, s->page)), 0);
    s->page->common.claim = PAGE_ENDED;
    assert_int_equal(pages_end(pages_child(attach, s->page)), 1);
    s->page->common.claim = PAGE_GRANTED;
    assert_int_equal(pages_end(pages_child(attach, s->page)), 0);
    page_detach(first(s));
    assert_false(page_alive(s->page));
    assert_int_equal(pages_end(pages_child(attach, s->page)), 1);
}

static int set_up(void **state)
{
    static struct state s;

    s.folder = pages_folder_make();
    s.page = pages_make(s.folder, s.path);
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;

    page_unmap(s->page);
    pages_folder_remove(s->folder);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_in_is_alive_until_it_dies),
        cmocka_unit_test(a_zombie_is_dead),
        cmocka_unit_test(a_zombie_with_threads_lives),
        cmocka_unit_test(another_process_with_the_pid_is_not_it),
        cmocka_unit_test(all_slots_held),
        cmocka_unit_test(over_an_exec_the_slot_is_kept_and_emptied),
        cmocka_unit_test(a_child_cannot_give_its_parents_slot_away),
        cmocka_unit_test(without_descriptors_nobody_is_dead),
        cmocka_unit_test(a_hidden_process_is_not_dead),
        cmocka_unit_test(in_another_pid_namespace_nobody_is_dead),
        cmocka_unit_test(nobody_comes_into_a_page_that_has_ended),
    };

    return argc == 2 ? after_exec(argv[1]) : cmocka_run_group_tests(tests, set_up, tear_down);
}
