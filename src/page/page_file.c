/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page files. See page_file.h. A new page is made without a name and gets it when all is in it, so
 * nobody ever sees half of one, and a maker that is killed leaves nothing behind.
 */
#include "page/page_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "page/page_slot.h"

static const uint64_t MAGIC = 0x3145474150564143ull; /* "CAVPAGE1" */

enum {
    LARGEST_FILE = 16 << 20,
    NAMES_TRIED = 8,
};
static const uint64_t LARGEST_DEVICE = 1ull << 50;

const char *page_fault_words(enum page_fault fault)
{
    static const char *const words[PAGE_FAULTS] = {
        [PAGE_SOUND] = "is sound",
        [PAGE_ABSENT] = "cannot be opened",
        [PAGE_NOT_A_FILE] = "is not a regular file",
        [PAGE_OTHERS_OWN] = "does not belong to the user that it should",
        [PAGE_OTHERS_WRITE] = "can be written by other users",
        [PAGE_WRONG_SIZE] = "has the wrong size",
        [PAGE_NOT_A_PAGE] = "is not a page of carve",
        [PAGE_OTHER_VERSION] = "is of another version of carve",
        [PAGE_SEAL_BROKEN] = "was changed after it was made",
        [PAGE_NONSENSE] = "has numbers beyond their bounds",
    };

    return (unsigned)fault < PAGE_FAULTS ? words[fault] : "is wrong in an unknown way";
}

const char *page_folder(void)
{
    const char *given = secure_getenv("CARVE_PAGES");

    return given && *given ? given : "/dev/shm";
}

uint64_t page_seal(const struct page_head *head)
{
    const unsigned char *at = (const unsigned char *)head;
    uint64_t hash = 0xcbf29ce484222325ull;

    for (size_t i = 0; i < offsetof(struct page_head, seal); i++)
        hash = (hash ^ at[i]) * 0x100000001b3ull;
    return hash;
}

/* Printable ASCII without spaces, ended: it is shown on other users' terminals. */
static bool name_is_sound(const char name[PAGE_NAME_SIZE])
{
    size_t n = strnlen(name, PAGE_NAME_SIZE);

    for (size_t i = 0; i < n; i++)
        if (name[i] <= ' ' || name[i] > '~')
            return false;
    return n < PAGE_NAME_SIZE;
}

static bool limit_is_sound(const struct page_limit *limits, unsigned i)
{
    for (unsigned j = 0; j < i; j++)
        if (memcmp(limits[i].uuid, limits[j].uuid, PAGE_UUID_SIZE) == 0)
            return false;
    return limits[i].total_bytes <= LARGEST_DEVICE &&
           limits[i].limit_bytes <= limits[i].total_bytes &&
           limits[i].context_bytes <= limits[i].total_bytes;
}

static bool promise_is_sound(const char name[PAGE_NAME_SIZE], const struct page_limit *limits,
                             uint32_t n)
{
    if (!name_is_sound(name) || n == 0 || n > PAGE_DEVICES)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (!limit_is_sound(limits, i))
            return false;
    return true;
}

enum page_fault page_check(const struct page *p, uint64_t size)
{
    const struct page_head *head = &p->head;

    if (size < sizeof *p)
        return PAGE_WRONG_SIZE;
    if (head->magic != MAGIC)
        return PAGE_NOT_A_PAGE;
    if (head->major != PAGE_MAJOR)
        return PAGE_OTHER_VERSION;
    if (head->seal != page_seal(head))
        return PAGE_SEAL_BROKEN;
    if (head->size != size || (head->minor <= PAGE_MINOR && size != sizeof *p))
        return PAGE_WRONG_SIZE;
    if (head->slots_offset != offsetof(struct page, slots) || head->n_slots != PAGE_SLOTS ||
        head->slot_size != sizeof(struct page_slot) ||
        !promise_is_sound(head->name, head->limits, head->n_devices))
        return PAGE_NONSENSE;
    return PAGE_SOUND;
}

static void fill(struct page *p, const struct page_wish *wish)
{
    struct page_head *head = &p->head;
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    head->magic = MAGIC;
    head->major = PAGE_MAJOR;
    head->minor = PAGE_MINOR;
    head->slots_offset = offsetof(struct page, slots);
    head->slot_size = sizeof(struct page_slot);
    head->n_slots = PAGE_SLOTS;
    head->size = sizeof *p;
    head->uid = (uint32_t)geteuid();
    head->n_devices = wish->n_devices;
    head->made_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    head->flags = wish->flags;
    memcpy(head->name, wish->name, strlen(wish->name));
    memcpy(head->limits, wish->limits, wish->n_devices * sizeof head->limits[0]);
    p->common.claim = PAGE_ASKING;
}

/* Gives the file a name that nobody has; the id is part of it and of the seal. */
static int give_name(struct page *p, char path[PAGE_PATH_SIZE], const char *folder, int fd)
{
    char self[32];

    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    for (unsigned try = 0; try < NAMES_TRIED; try++) {
        uint64_t id;

        if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id)
            return -EIO;
        p->head.id = id;
        p->head.seal = page_seal(&p->head);
        if (snprintf(path, PAGE_PATH_SIZE, "%s/carve-%u-%016llx", folder, (unsigned)geteuid(),
                     (unsigned long long)id) >= PAGE_PATH_SIZE)
            return -ENAMETOOLONG;
        if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
            return 0;
        if (errno != EEXIST)
            return -errno;
    }
    return -EEXIST;
}

/* The file has all its blocks: a full folder is an error now, and no SIGBUS later. NULL: errno. */
static struct page *make_map(int fd)
{
    int r = posix_fallocate(fd, 0, sizeof(struct page));
    void *at;

    if (r != 0) {
        errno = r;
        return NULL;
    }
    if (fchmod(fd, 0644) != 0)
        return NULL;
    at = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return at != MAP_FAILED ? at : NULL;
}

static int make_page(struct page **out, char path[PAGE_PATH_SIZE], const char *folder,
                     const struct page_wish *wish, int fd)
{
    struct page *p = make_map(fd);
    int r;

    if (!p)
        return -errno;
    fill(p, wish);
    r = page_attach_first(p, PAGE_RUN) ? give_name(p, path, folder, fd) : -ESRCH;
    if (r != 0) {
        page_unmap(p);
        return r;
    }
    *out = p;
    return 0;
}

int page_make(struct page **out, char path[PAGE_PATH_SIZE], const char *folder,
              const struct page_wish *wish)
{
    char name[PAGE_NAME_SIZE] = "";
    size_t n = strlen(wish->name);
    int fd, r;

    if (n >= sizeof name)
        return -EINVAL;
    memcpy(name, wish->name, n);
    if (!promise_is_sound(name, wish->limits, wish->n_devices))
        return -EINVAL;
    fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    r = make_page(out, path, folder, wish, fd);
    (void)close(fd);
    return r;
}

void page_unmap(struct page *p)
{
    if (p)
        (void)munmap(p, sizeof *p);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Digits to the end character; NULL: there are none, or too many. */
static const char *parse(uint64_t *out, const char *at, unsigned base, unsigned most, char end)
{
    uint64_t value = 0;
    unsigned n = 0;

    for (; (unsigned)digit(*at) < base; at++, n++)
        value = value * base + (uint64_t)digit(*at);
    if (n == 0 || n > most || *at != end)
        return NULL;
    *out = value;
    return at + 1;
}

bool page_name(uint32_t *out_uid, uint64_t *out_id, const char *path)
{
    static const char prefix[] = "carve-";
    const char *slash = strrchr(path, '/');
    const char *at = slash ? slash + 1 : path;
    uint64_t uid;

    if (strncmp(at, prefix, strlen(prefix)) != 0)
        return false;
    at = parse(&uid, at + strlen(prefix), 10, 10, '-');
    if (!at || uid > UINT32_MAX || strlen(at) != 16 || !parse(out_id, at, 16, 16, '\0'))
        return false;
    *out_uid = (uint32_t)uid;
    return true;
}

/* Opens a file that may be anything: never follows, waits, or takes a terminal. */
static enum page_fault open_file(int *out_fd, struct stat *out, const char *path, int mode)
{
    enum page_fault fault = PAGE_SOUND;
    int fd = open(path, mode | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        return errno == ELOOP || errno == EISDIR || errno == ENXIO ? PAGE_NOT_A_FILE : PAGE_ABSENT;
    if (fstat(fd, out) != 0)
        fault = PAGE_ABSENT;
    else if (!S_ISREG(out->st_mode))
        fault = PAGE_NOT_A_FILE;
    else if (out->st_mode & (S_IWGRP | S_IWOTH))
        fault = PAGE_OTHERS_WRITE;
    else if (out->st_size < (off_t)sizeof(struct page) || out->st_size > LARGEST_FILE)
        fault = PAGE_WRONG_SIZE;
    if (fault == PAGE_SOUND)
        *out_fd = fd;
    else
        (void)close(fd);
    return fault;
}

static enum page_fault map_file(struct page **out, int fd, const struct stat *st)
{
    enum page_fault fault;
    void *at;

    /* Root may take part in anyone's slice: so it is in a container that a user starts. */
    if (st->st_uid != geteuid() && st->st_uid != 0 && geteuid() != 0)
        return PAGE_OTHERS_OWN;
    at = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return PAGE_ABSENT;
    fault = page_check(at, (uint64_t)st->st_size);
    if (fault == PAGE_SOUND)
        *out = at;
    else
        page_unmap(at);
    return fault;
}

enum page_fault page_map(struct page **out, const char *path)
{
    struct stat st;
    int fd;
    enum page_fault fault = open_file(&fd, &st, path, O_RDWR);

    if (fault != PAGE_SOUND)
        return fault;
    fault = map_file(out, fd, &st);
    (void)close(fd);
    return fault;
}

/* A file that is cut short meanwhile has the wrong size. */
static bool read_all(int fd, void *out, size_t size, size_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(fd, (char *)out + done, size - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* Commands are shown on other users' terminals. */
static void clean_commands(struct page *p)
{
    for (unsigned i = 0; i < page_slots(p); i++) {
        char *command = p->slots[i].command;

        command[PAGE_COMMAND_SIZE - 1] = '\0';
        for (; *command; command++)
            if (*command < ' ' || *command > '~')
                *command = '?';
    }
}

/* Its slots as far as they were used; the others are empty. */
static enum page_fault read_file(struct page *out, int fd, const struct stat *st)
{
    enum page_fault fault;
    size_t size;

    memset(out, 0, sizeof *out);
    if (!read_all(fd, out, offsetof(struct page, slots), 0))
        return PAGE_WRONG_SIZE;
    fault = page_check(out, (uint64_t)st->st_size);
    if (fault != PAGE_SOUND)
        return fault;
    size = page_slots(out) * sizeof out->slots[0];
    if (!read_all(fd, out->slots, size, offsetof(struct page, slots)))
        return PAGE_WRONG_SIZE;
    clean_commands(out);
    return PAGE_SOUND;
}

enum page_fault page_read(struct page *out, const char *path, uint32_t *out_uid)
{
    uint32_t uid;
    uint64_t id;
    struct stat st;
    int fd;
    enum page_fault fault = open_file(&fd, &st, path, O_RDONLY);

    if (fault != PAGE_SOUND)
        return fault;
    *out_uid = st.st_uid;
    fault = read_file(out, fd, &st);
    (void)close(fd);
    if (fault == PAGE_SOUND && (!page_name(&uid, &id, path) || uid != st.st_uid ||
                                out->head.uid != st.st_uid || out->head.id != id))
        fault = PAGE_OTHERS_OWN;
    return fault;
}
