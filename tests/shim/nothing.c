/* SPDX-License-Identifier: Apache-2.0 */
/* A program that no preloaded library reaches: it is linked statically, and not even with libc. */
#include <sys/syscall.h>

void _start(void);

void _start(void)
{
#if defined(__x86_64__)
    register long number __asm__("rax") = SYS_exit_group;
    register long code __asm__("rdi") = 0;

    __asm__ volatile("syscall" : : "r"(number), "r"(code));
#else
    register long number __asm__("x8") = SYS_exit_group;
    register long code __asm__("x0") = 0;

    __asm__ volatile("svc #0" : : "r"(number), "r"(code));
#endif
    __builtin_unreachable();
}
