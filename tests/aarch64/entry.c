/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What src/shim/entry.S does to its callers: asks dlsym, dlvsym and dlmopen for things of libc's
 * and of the driver's, once before any library has started (the first one is what the argument
 * names) and once after, with a mark in each register that a function must keep. Prints a line for
 * each question: "dlsym 1 kept 1 early 1" (was it answered as it should, all marks kept; the same
 * early).
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MARKS = 18 }; /* x19 to x28, d8 to d15 */

/* function(a, b, c), with marks; kept: what the registers hold after it. */
static uintptr_t call(void *function, uintptr_t a, uintptr_t b, uintptr_t c,
                      const uint64_t marks[MARKS], uint64_t kept[MARKS])
{
    register uintptr_t x0 __asm__("x0") = a;
    register uintptr_t x1 __asm__("x1") = b;
    register uintptr_t x2 __asm__("x2") = c;
    register const uint64_t *x3 __asm__("x3") = marks;
    register uint64_t *x4 __asm__("x4") = kept;
    register void *x5 __asm__("x5") = function;

    __asm__ volatile("str x4, [sp, #-16]!\n\t"
                     "ldp x19, x20, [x3]\n\t"
                     "ldp x21, x22, [x3, #16]\n\t"
                     "ldp x23, x24, [x3, #32]\n\t"
                     "ldp x25, x26, [x3, #48]\n\t"
                     "ldp x27, x28, [x3, #64]\n\t"
                     "ldp d8, d9, [x3, #80]\n\t"
                     "ldp d10, d11, [x3, #96]\n\t"
                     "ldp d12, d13, [x3, #112]\n\t"
                     "ldp d14, d15, [x3, #128]\n\t"
                     "blr x5\n\t"
                     "ldr x4, [sp], #16\n\t"
                     "stp x19, x20, [x4]\n\t"
                     "stp x21, x22, [x4, #16]\n\t"
                     "stp x23, x24, [x4, #32]\n\t"
                     "stp x25, x26, [x4, #48]\n\t"
                     "stp x27, x28, [x4, #64]\n\t"
                     "stp d8, d9, [x4, #80]\n\t"
                     "stp d10, d11, [x4, #96]\n\t"
                     "stp d12, d13, [x4, #112]\n\t"
                     "stp d14, d15, [x4, #128]"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5)
                     :
                     : "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
                       "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27",
                       "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9",
                       "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20",
                       "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31",
                       "cc", "memory");
    return x0;
}

/* What a lookup finds is compared with where the linker put it, or is somewhere at all. */
enum want { GETPID, SOMETHING, NOTHING };

static const struct question {
    const char *words;
    void *function;
    intptr_t handle; /* RTLD_DEFAULT, RTLD_NEXT, or a namespace */
    const char *name;
    const char *version; /* RTLD_NOW for dlmopen */
    enum want want;
} questions[] = {
    {"dlsym", (void *)dlsym, 0, "getpid", NULL, GETPID},
    {"dlsym-next", (void *)dlsym, -1, "getpid", NULL, GETPID},
    {"dlsym-nothing", (void *)dlsym, 0, "cuckoo", NULL, NOTHING},
    {"dlsym-driver", (void *)dlsym, 0, "cuNothing", NULL, NOTHING},
    {"dlvsym", (void *)dlvsym, 0, "getpid", "GLIBC_2.17", GETPID},
    {"dlvsym-next", (void *)dlvsym, -1, "getpid", "GLIBC_2.17", GETPID},
    {"dlvsym-nothing", (void *)dlvsym, 0, "getpid", "GLIBC_2.16", NOTHING},
    {"dlvsym-driver", (void *)dlvsym, 0, "cuNothing", "GLIBC_2.17", NOTHING},
    {"dlmopen", (void *)dlmopen, LM_ID_BASE, "libm.so.6", (const char *)RTLD_NOW, SOMETHING},
    {"dlmopen-nothing", (void *)dlmopen, LM_ID_BASE, "nosuch.so", (const char *)RTLD_NOW, NOTHING},
};
enum { QUESTIONS = sizeof questions / sizeof *questions };

static bool early[QUESTIONS]; /* answered, and all marks kept */

static bool ask(const struct question *q, bool *out_kept)
{
    uint64_t marks[MARKS], kept[MARKS] = {0};
    uintptr_t answer;

    for (unsigned i = 0; i < MARKS; i++)
        marks[i] = 0x0123456789abcdefull * (i + 1);
    answer = call(q->function, (uintptr_t)q->handle, (uintptr_t)q->name, (uintptr_t)q->version,
                  marks, kept);
    *out_kept = memcmp(marks, kept, sizeof marks) == 0;
    return q->want == GETPID      ? answer == (uintptr_t)getpid
           : q->want == SOMETHING ? answer != 0
                                  : answer == 0;
}

static void ask_early(const char *first)
{
    for (unsigned i = 0; i < 2 * QUESTIONS; i++) {
        const struct question *q = &questions[i % QUESTIONS];
        bool is_first = strcmp(q->words, first) == 0, kept;

        if (is_first == (i < QUESTIONS))
            early[i % QUESTIONS] = ask(q, &kept) && kept;
    }
}

/* Before the constructors of all libraries: those of libcarve.so look functions up themselves. */
static void before_all(int argc, char **argv)
{
    if (argc == 2)
        ask_early(argv[1]);
}

__attribute__((section(".preinit_array"), used)) static void (*const start)(int,
                                                                            char **) = before_all;

int main(void)
{
    for (unsigned i = 0; i < QUESTIONS; i++) {
        bool kept, right = ask(&questions[i], &kept);

        (void)printf("%s %d kept %d early %d\n", questions[i].words, right, kept, early[i]);
    }
    return 0;
}
