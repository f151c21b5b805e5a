/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program in a slice, without a GPU: takes a slot of $CARVE_PAGE as libcarve.so does, then does
 * what its words say, and prints a line for each that asks for something.
 *
 *   charge BYTES | refuse BYTES | release BYTES | contexts N | managed BYTES | route BITS
 *   pretend PID  says in its slot that it is another process
 *   measure    asks as the library does; prints the overhead once it is answered
 *   ask        the same, but does not wait for the answer
 *   pause      until a line comes on standard input
 *   changing   begins a driver call that never ends
 *   pid        prints our pid
 *   fork       goes on in a child in a session of its own, with a slot of its own; the parent ends
 *   leave      gives the slot back
 *   hold       until standard input ends
 */
#include <inttypes.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "page/page_charge.h"
#include "page/page_file.h"
#include "page/page_slot.h"

struct held {
    struct page *page;
    struct page_slot *slot;
};

static void say(const char *what, int64_t number)
{
    (void)printf("%s %" PRId64 "\n", what, number);
    (void)fflush(stdout);
}

static uint32_t ask(struct held *h)
{
    uint32_t asked = ++h->slot->use[0].measure_asked;

    h->page->common.bell++;
    (void)syscall(SYS_futex, &h->page->common.bell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    return asked;
}

static void measure(struct held *h)
{
    struct page_use *use = &h->slot->use[0];
    uint32_t asked = ask(h), seen;

    while ((seen = use->measured) != asked)
        (void)syscall(SYS_futex, &use->measured, FUTEX_WAIT, seen, NULL, NULL, 0);
    say("overhead", use->overhead_bytes);
}

static void go_on_alone(struct held *h)
{
    int fds[2];
    char there;

    if (pipe(fds) != 0)
        _exit(92);
    if (fork() != 0) {
        _exit(read(fds[0], &there, 1) == 1 ? 0 : 93);
    }
    (void)setsid();
    h->slot = page_attach(h->page, PAGE_PROCESS);
    (void)!write(fds[1], "", 1);
}

static void wait_for_line(void)
{
    char c = 0;

    while (c != '\n' && read(0, &c, 1) == 1)
        ;
}

static void wait_for_end(void)
{
    char text[256];

    while (read(0, text, sizeof text) > 0)
        ;
}

static uint64_t digits(const char *text)
{
    uint64_t value = 0;

    for (; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    return value;
}

/* Words with a number. */
static int with_number(struct held *h, const char *word, uint64_t number)
{
    if (strcmp(word, "charge") == 0)
        say("charge", page_reserve(h->page, h->slot, 0, number));
    else if (strcmp(word, "refuse") == 0)
        say("refuse", !page_reserve(h->page, h->slot, 0, number));
    else if (strcmp(word, "release") == 0)
        page_release(h->slot, 0, number);
    else if (strcmp(word, "contexts") == 0)
        h->slot->use[0].contexts = (uint32_t)number;
    else if (strcmp(word, "managed") == 0)
        h->slot->use[0].managed_bytes = number;
    else if (strcmp(word, "pretend") == 0)
        h->slot->pid = (uint32_t)number;
    else if (strcmp(word, "route") == 0)
        h->slot->routes = (uint32_t)number;
    else
        return 0;
    return 1;
}

static void alone(struct held *h, const char *word)
{
    if (strcmp(word, "measure") == 0)
        measure(h);
    else if (strcmp(word, "ask") == 0)
        say("asked", ask(h));
    else if (strcmp(word, "pause") == 0)
        wait_for_line();
    else if (strcmp(word, "changing") == 0)
        page_change_begin(h->slot, 0);
    else if (strcmp(word, "pid") == 0)
        say("pid", getpid());
    else if (strcmp(word, "fork") == 0)
        go_on_alone(h);
    else if (strcmp(word, "leave") == 0)
        page_detach(h->slot);
    else if (strcmp(word, "hold") == 0)
        wait_for_end();
}

int main(int argc, char **argv)
{
    const char *path = secure_getenv("CARVE_PAGE");
    struct held h = {0};

    if (!path || page_map(&h.page, path) != PAGE_SOUND)
        return 90;
    h.slot = page_attach(h.page, PAGE_PROCESS);
    if (!h.slot)
        return 91;
    for (int i = 1; i < argc; i++) {
        uint64_t number = i + 1 < argc ? digits(argv[i + 1]) : 0;

        if (with_number(&h, argv[i], number))
            i++;
        else
            alone(&h, argv[i]);
    }
    return 0;
}
