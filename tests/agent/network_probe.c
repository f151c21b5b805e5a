/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into carved: a thread that is older than main() waits for somebody to open the FIFO
 * $PROBE_GO for writing, then tries on itself and on a new thread what the filter bars, and writes
 * "THREAD CALL RESULT" lines to $PROBE_OUT, by rename.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct probe {
    FILE *out;
    const char *thread;
};

static void tell(const struct probe *p, const char *call, long r)
{
    (void)fprintf(p->out, "%s %s %s\n", p->thread, call, r < 0 ? strerrorname_np(errno) : "OK");
    if (r > 2)
        (void)close((int)r);
}

#ifdef __x86_64__
/* The same calls with the numbers of i386, which a 64-bit process may use too. */
static long call_i386(long number, long first, long second, long third)
{
    long r;

    __asm__ volatile("int $0x80"
                     : "=a"(r)
                     : "a"(number), "b"(first), "c"(second), "d"(third)
                     : "memory", "r8", "r9", "r10", "r11");
    if (r < 0)
        errno = (int)-r;
    return r < 0 ? -1 : r;
}
#endif

static void *probe(void *self)
{
    static const struct {
        const char *name;
        int family;
    } families[] = {
        {"inet", AF_INET},       {"inet6", AF_INET6}, {"packet", AF_PACKET},
        {"netlink", AF_NETLINK}, {"vsock", AF_VSOCK}, {"alg", AF_ALG},
    };
    const struct probe *p = self;
    char params[256] = {0};
    char name[64];
    int pair[2];

    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        int type = families[i].family == AF_ALG ? SOCK_SEQPACKET : SOCK_DGRAM;

        tell(p, families[i].name, socket(families[i].family, type, 0));
        (void)snprintf(name, sizeof name, "raw-%s", families[i].name);
        tell(p, name, syscall(SYS_socket, families[i].family, type, 0));
        /* What lies above the low half is not the kernel's to see, nor the filter's. */
        (void)snprintf(name, sizeof name, "high-%s", families[i].name);
        tell(p, name, syscall(SYS_socket, 0x100000000 | families[i].family, type, 0));
    }
    tell(p, "pair-inet", socketpair(AF_INET, SOCK_STREAM, 0, pair));
    tell(p, "io_uring", syscall(425, 1, params));
    tell(p, "unix", socket(AF_UNIX, SOCK_STREAM, 0));
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) {
        tell(p, "pair-unix", 0);
        (void)close(pair[0]);
        (void)close(pair[1]);
    }
#ifdef __x86_64__
    tell(p, "i386-socket", call_i386(359, AF_INET, SOCK_STREAM, 0));
    tell(p, "i386-getpid", call_i386(20, 0, 0, 0));
    tell(p, "x32-socket", syscall(0x40000000 | SYS_socket, AF_INET, SOCK_STREAM, 0));
#endif
    return NULL;
}

static void *wait_and_probe(void *self)
{
    const char *path = secure_getenv("PROBE_OUT"), *go = secure_getenv("PROBE_GO");
    struct probe old = {.thread = "old"}, new = {.thread = "new"};
    char beside[512];
    pthread_t thread;

    (void)self;
    (void)close(open(go, O_RDONLY | O_CLOEXEC));
    (void)snprintf(beside, sizeof beside, "%s.new", path);
    old.out = new.out = fopen(beside, "we");
    if (!old.out)
        return NULL;
    (void)probe(&old);
    if (pthread_create(&thread, NULL, probe, &new) == 0)
        (void)pthread_join(thread, NULL);
    if (fclose(old.out) == 0)
        (void)rename(beside, path);
    return NULL;
}

__attribute__((constructor)) static void begin(void)
{
    pthread_t thread;

    if (secure_getenv("PROBE_GO") && pthread_create(&thread, NULL, wait_and_probe, NULL) == 0)
        (void)pthread_detach(thread);
}
