/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter: see network_bar.h. It is a program of the kernel's classic BPF over struct
 * seccomp_data, read from top to bottom; a jump says how many instructions to skip if its condition
 * holds, and how many if not. https://docs.kernel.org/userspace-api/seccomp_filter.html
 */
#include "agent/network_bar.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

#if defined(__x86_64__)
#define OUR_ABI AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ABI AUDIT_ARCH_AARCH64
#else
#error "the ABI of this processor is to be named here"
#endif

enum {
    FIRST_X32_CALL = 0x40000000, /* x86-64 with pointers of 32 bits; beyond all calls elsewhere */
    IO_URING_SETUP = 425,        /* on both processors */
};

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define FAIL(number) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (number))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define IF_EQUAL(value, then, otherwise)                                                           \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (then), (otherwise))
#define IF_AT_LEAST(value, then, otherwise)                                                        \
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (value), (then), (otherwise))

/* 0; -EACCES: only with no_new_privs; a thread's id: that one cannot have the filter. */
static long install(void)
{
    /* Of the family, an int, the kernel reads the low half of the argument, and so do we. */
    struct sock_filter program[] = {
        LOAD(arch),
        IF_EQUAL(OUR_ABI, 1, 0),
        FAIL(ENOSYS),
        LOAD(nr),
        IF_AT_LEAST(FIRST_X32_CALL, 0, 1),
        FAIL(ENOSYS),
        IF_EQUAL(IO_URING_SETUP, 0, 1),
        FAIL(EPERM),
        IF_EQUAL(__NR_socket, 2, 0),
        IF_EQUAL(__NR_socketpair, 1, 0),
        ALLOW,
        LOAD(args[0]),
        IF_EQUAL(AF_UNIX, 0, 1),
        ALLOW,
        FAIL(EAFNOSUPPORT),
    };
    struct sock_fprog all = {sizeof program / sizeof program[0], program};
    long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &all);

    return r < 0 ? -errno : r;
}

int network_bar_install(struct err *e)
{
    long r = install();

    /* Who has no CAP_SYS_ADMIN may filter himself if he gives up gaining rights by execve(). */
    if (r == -EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        r = install();
    if (r == 0)
        return 0;
    return err_errno(e, r < 0 ? (int)-r : EBUSY,
                     "carved cannot bar itself from the network (seccomp); --network-bar=off goes "
                     "without");
}
