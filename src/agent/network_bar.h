/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carved bars itself from the network, for good: a seccomp filter on all its threads, those to
 * come, and every program that it starts. The driver needs no more: NVML with its events, and
 * nvidia-smi, open no socket at all (seen with driver 580.159.04 on an H100).
 */
#ifndef AGENT_NETWORK_BAR_H
#define AGENT_NETWORK_BAR_H

struct err;

/*
 * From now on: sockets of other families than AF_UNIX fail with EAFNOSUPPORT, io_uring with EPERM
 * (it opens sockets past any filter), and system calls of another ABI of this processor (i386,
 * x32), whose numbers mean other things, with ENOSYS.
 */
int network_bar_install(struct err *e);

#endif
