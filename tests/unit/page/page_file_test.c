/* SPDX-License-Identifier: Apache-2.0 */
/* Page files: what is wrong with one is told, and nothing of it is used. */
#include "pages.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOMEBODY = 12345, ANOTHER = 12346 };

struct state {
    char *folder;
    char path[PAGE_PATH_SIZE];
    struct page *page;
};

static struct page copy;

static enum page_fault read_it(const char *path)
{
    uint32_t uid;

    return page_read(&copy, path, &uid);
}

/* As who takes part sees it; as who only reads does. */
static void expect(const char *path, enum page_fault fault)
{
    struct page *p = NULL;

    assert_int_equal(read_it(path), fault);
    assert_int_equal(page_map(&p, path), fault);
    assert_null(p);
}

static void path_of(char out[PAGE_PATH_SIZE], const struct state *s, const char *name)
{
    (void)snprintf(out, PAGE_PATH_SIZE, "%s/%s", s->folder, name);
}

static void a_page_is_mapped_and_read(void **state)
{
    struct state *s = *state;
    struct page *p = NULL;
    uint32_t uid = 1;

    assert_int_equal(page_map(&p, s->path), PAGE_SOUND);
    p->common.unattached = 7;
    assert_int_equal(s->page->common.unattached, 7);
    assert_int_equal(page_read(&copy, s->path, &uid), PAGE_SOUND);
    assert_int_equal(uid, geteuid());
    assert_int_equal(copy.common.unattached, 7);
    assert_int_equal(copy.common.claim, PAGE_ASKING);
    assert_string_equal(copy.head.name, "test");
    assert_int_equal(copy.slots[0].pid, getpid());
    assert_int_equal(copy.slots[0].kind, PAGE_RUN);
    page_unmap(p);
}

static void every_byte_of_the_head_is_sealed(void **state)
{
    struct state *s = *state;
    unsigned char *head = (unsigned char *)&s->page->head;

    for (size_t i = 0; i < sizeof s->page->head; i++) {
        struct page *p = NULL;

        head[i] ^= (unsigned char)(1 << i % 8);
        assert_int_not_equal(read_it(s->path), PAGE_SOUND);
        assert_int_not_equal(page_map(&p, s->path), PAGE_SOUND);
        head[i] ^= (unsigned char)(1 << i % 8);
    }
    assert_int_equal(read_it(s->path), PAGE_SOUND);
}

/* What is wrong though the seal is right. */
static void change(struct page_head *head, unsigned n)
{
    switch (n) {
    case 0:
        head->n_devices = 0;
        break;
    case 1:
        head->n_devices = PAGE_DEVICES + 1;
        break;
    case 2:
        head->limits[0].limit_bytes = PAGES_TOTAL + 1;
        break;
    case 3:
        head->limits[0].total_bytes = UINT64_MAX;
        break;
    case 4:
        head->limits[0].context_bytes = UINT64_MAX;
        break;
    case 5:
        head->n_devices = 2;
        head->limits[1] = head->limits[0];
        break;
    case 6:
        head->name[0] = '\033';
        break;
    case 7:
        memset(head->name, 'a', sizeof head->name);
        break;
    case 8:
        head->slots_offset = 0;
        break;
    case 9:
        head->slot_size = 1;
        break;
    default:
        head->n_slots = PAGE_SLOTS + 1;
        break;
    }
}

static void numbers_beyond_their_bounds_are_nonsense(void **state)
{
    struct state *s = *state;
    struct page_head before = s->page->head;

    for (unsigned n = 0; n <= 10; n++) {
        change(&s->page->head, n);
        s->page->head.seal = page_seal(&s->page->head);
        expect(s->path, PAGE_NONSENSE);
        s->page->head = before;
    }
}

static void another_major_version_is_not_for_us(void **state)
{
    struct state *s = *state;
    struct page_head before = s->page->head;

    s->page->head.major++;
    expect(s->path, PAGE_OTHER_VERSION);
    s->page->head.seal = page_seal(&s->page->head);
    expect(s->path, PAGE_OTHER_VERSION);
    s->page->head = before;
}

/* It is longer, and we use what we know. */
static void a_newer_minor_version_is_used(void **state)
{
    struct state *s = *state;
    struct page_head before = s->page->head;
    struct page *p = NULL;

    s->page->head.minor++;
    s->page->head.size += 4096;
    s->page->head.seal = page_seal(&s->page->head);
    expect(s->path, PAGE_WRONG_SIZE);
    assert_int_equal(truncate(s->path, (off_t)sizeof(struct page) + 4096), 0);
    assert_int_equal(read_it(s->path), PAGE_SOUND);
    assert_int_equal(page_map(&p, s->path), PAGE_SOUND);
    page_unmap(p);
    s->page->head.minor--; /* ours has no more than we know */
    s->page->head.seal = page_seal(&s->page->head);
    expect(s->path, PAGE_WRONG_SIZE);
    s->page->head = before;
    expect(s->path, PAGE_WRONG_SIZE);
    assert_int_equal(truncate(s->path, (off_t)sizeof(struct page)), 0);
}

static void what_is_no_page_is_told(void **state)
{
    struct state *s = *state;
    char path[PAGE_PATH_SIZE];
    int fd;

    path_of(path, s, "carve-0-0123456789abcdef");
    expect(path, PAGE_ABSENT);
    assert_int_equal(symlink(s->path, path), 0);
    expect(path, PAGE_NOT_A_FILE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0644), 0);
    expect(path, PAGE_NOT_A_FILE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0755), 0);
    expect(path, PAGE_NOT_A_FILE);
    assert_int_equal(rmdir(path), 0);
    fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    expect(path, PAGE_WRONG_SIZE);
    assert_int_equal(ftruncate(fd, sizeof(struct page)), 0);
    expect(path, PAGE_NOT_A_PAGE);
    assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
    expect(path, PAGE_WRONG_SIZE);
    assert_int_equal(fchmod(fd, 0666), 0);
    expect(path, PAGE_OTHERS_WRITE);
    (void)close(fd);
    assert_int_equal(unlink(path), 0);
}

static void a_page_under_another_name_is_not_believed(void **state)
{
    struct state *s = *state;
    char path[PAGE_PATH_SIZE];

    path_of(path, s, "carve-0-0123456789abcdef");
    assert_int_equal(link(s->path, path), 0);
    assert_int_equal(read_it(path), PAGE_OTHERS_OWN);
    assert_int_equal(unlink(path), 0);
}

struct visit {
    const char *path;
    uint32_t uid;
    enum page_fault map, read;
};

static int visit(void *argument)
{
    const struct visit *v = argument;
    struct page *p = NULL;

    if (setuid(v->uid) != 0)
        return 1;
    if (page_map(&p, v->path) != v->map)
        return 2;
    return read_it(v->path) == v->read ? 0 : 3;
}

/* With root's rights but not its number: it could write, and still takes no part. */
static int visit_with_rights(void *argument)
{
    return prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) == 0 ? visit(argument) : 4;
}

static void see(const char *path, uint32_t uid, enum page_fault map, enum page_fault read)
{
    struct visit v = {path, uid, map, read};

    assert_int_equal(pages_end(pages_child(visit, &v)), 0);
}

static void others_read_a_page_but_take_no_part(void **state)
{
    struct state *s = *state;
    struct visit rights = {s->path, ANOTHER, PAGE_OTHERS_OWN, PAGE_OTHERS_OWN};

    see(s->path, SOMEBODY, PAGE_ABSENT, PAGE_SOUND);
    /* Given to another: its name and head tell a lie now. */
    assert_int_equal(chown(s->path, SOMEBODY, SOMEBODY), 0);
    see(s->path, SOMEBODY, PAGE_SOUND, PAGE_OTHERS_OWN);
    see(s->path, ANOTHER, PAGE_ABSENT, PAGE_OTHERS_OWN);
    assert_int_equal(pages_end(pages_child(visit_with_rights, &rights)), 0);
    see(s->path, 0, PAGE_SOUND, PAGE_OTHERS_OWN);
    assert_int_equal(chown(s->path, 0, 0), 0);
    see(s->path, 0, PAGE_SOUND, PAGE_SOUND);
}

static int cut(void *argument)
{
    while (getppid() != 1) {
        (void)truncate(argument, 100);
        (void)truncate(argument, sizeof(struct page));
    }
    return 0;
}

/* No SIGBUS, no bytes of which half are gone. */
static void a_page_that_is_cut_while_it_is_read_does_no_harm(void **state)
{
    struct state *s = *state;
    char path[PAGE_PATH_SIZE];
    struct page *p = pages_make(s->folder, path);
    pid_t pid = pages_child(cut, path);

    for (unsigned i = 0; i < 2000; i++) {
        enum page_fault fault = read_it(path);

        assert_int_not_equal(fault, PAGE_ABSENT);
        if (fault == PAGE_SOUND)
            assert_int_equal(copy.head.limits[0].limit_bytes, PAGES_LIMIT);
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(pages_end(pid), 128 + SIGKILL);
    page_unmap(p);
    assert_int_equal(unlink(path), 0);
}

static void a_command_cannot_write_to_a_terminal(void **state)
{
    struct state *s = *state;

    memcpy(s->page->slots[0].command, "a\033[2J\n\xff zzzzzzzzz", PAGE_COMMAND_SIZE);
    assert_int_equal(read_it(s->path), PAGE_SOUND);
    assert_string_equal(copy.slots[0].command, "a?[2J?? zzzzzzz");
}

static void wishes_beyond_the_bounds_are_refused(void **state)
{
    struct state *s = *state;
    char path[PAGE_PATH_SIZE], name[PAGE_NAME_SIZE + 1];
    struct page_wish wish = pages_wish(PAGES_TOTAL + 1);
    struct page *p = NULL;

    assert_int_equal(page_make(&p, path, s->folder, &wish), -EINVAL);
    wish = pages_wish(PAGES_TOTAL);
    wish.name = "two words";
    assert_int_equal(page_make(&p, path, s->folder, &wish), -EINVAL);
    memset(name, 'a', sizeof name);
    name[PAGE_NAME_SIZE] = '\0';
    wish.name = name;
    assert_int_equal(page_make(&p, path, s->folder, &wish), -EINVAL);
    name[PAGE_NAME_SIZE - 1] = '\0';
    assert_int_equal(page_make(&p, path, s->folder, &wish), 0);
    page_unmap(p);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(page_make(&p, path, "/dev/shm/no-such-folder", &wish), -ENOENT);
    assert_int_equal(page_make(&p, path, s->path, &wish), -ENOTDIR);
}

/* A page that does not fit is an error at once; what is there of it goes away. */
static int fill_a_folder(void *argument)
{
    const struct page_wish wish = pages_wish(PAGES_LIMIT);
    char path[PAGE_PATH_SIZE];
    struct page *p = NULL;

    if (unshare(CLONE_NEWNS) != 0 || mount("", "/", "", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", argument, "tmpfs", 0, "size=400k") != 0)
        return 1;
    if (page_make(&p, path, argument, &wish) != 0)
        return 2;
    memset(p->slots, 0, sizeof p->slots);
    if (page_make(&p, path, argument, &wish) != -ENOSPC)
        return 3;
    if (unlink(path) != 0 && errno != ENOENT)
        return 4;
    return page_make(&p, path, argument, &wish) == 0 ? 5 : 0;
}

static void a_full_folder_is_an_error_at_once(void **state)
{
    char *folder = pages_folder_make();

    (void)state;
    assert_int_equal(pages_end(pages_child(fill_a_folder, folder)), 0);
    pages_folder_remove(folder);
}

static int make_without_descriptors(void *argument)
{
    const struct state *s = argument;
    const struct page_wish wish = pages_wish(PAGES_LIMIT);
    const struct rlimit none = {0};
    char path[PAGE_PATH_SIZE];
    struct page *p = NULL;

    if (setrlimit(RLIMIT_NOFILE, &none) != 0)
        return 1;
    if (page_make(&p, path, s->folder, &wish) != -EMFILE)
        return 2;
    return page_map(&p, s->path) == PAGE_ABSENT && errno == EMFILE ? 0 : 3;
}

static void without_descriptors_there_is_no_page(void **state)
{
    assert_int_equal(pages_end(pages_child(make_without_descriptors, *state)), 0);
}

static void names_of_pages(void **state)
{
    uint32_t uid = 1;
    uint64_t id = 1;

    (void)state;
    assert_true(page_name(&uid, &id, "/dev/shm/carve-1000-00ff00ff00ff00ff"));
    assert_int_equal(uid, 1000);
    assert_int_equal(id, 0x00ff00ff00ff00ffull);
    assert_true(page_name(&uid, &id, "carve-4294967295-0123456789abcdef"));
    assert_false(page_name(&uid, &id, "carve-4294967296-0123456789abcdef"));
    assert_false(page_name(&uid, &id, "carve--0123456789abcdef"));
    assert_false(page_name(&uid, &id, "carve-0-0123456789abcde"));
    assert_false(page_name(&uid, &id, "carve-0-0123456789abcdef0"));
    assert_false(page_name(&uid, &id, "carve-0-0123456789ABCDEF"));
    assert_false(page_name(&uid, &id, "carve-0-0123456789abcdeg"));
    assert_false(page_name(&uid, &id, "carve-0-"));
    assert_false(page_name(&uid, &id, "carve-0"));
    assert_false(page_name(&uid, &id, ""));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_mapped_and_read),
        cmocka_unit_test(every_byte_of_the_head_is_sealed),
        cmocka_unit_test(numbers_beyond_their_bounds_are_nonsense),
        cmocka_unit_test(another_major_version_is_not_for_us),
        cmocka_unit_test(a_newer_minor_version_is_used),
        cmocka_unit_test(what_is_no_page_is_told),
        cmocka_unit_test(a_page_under_another_name_is_not_believed),
        cmocka_unit_test(others_read_a_page_but_take_no_part),
        cmocka_unit_test(a_page_that_is_cut_while_it_is_read_does_no_harm),
        cmocka_unit_test(a_command_cannot_write_to_a_terminal),
        cmocka_unit_test(wishes_beyond_the_bounds_are_refused),
        cmocka_unit_test(a_full_folder_is_an_error_at_once),
        cmocka_unit_test(without_descriptors_there_is_no_page),
        cmocka_unit_test(names_of_pages),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
