/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a node: see node_facts.h. Here is what all parts of it need, and their order. */
#include "doctor/node_look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>

#include "base/err.h"
#include "base/text.h"
#include "config/yaml.h"
#include "node/node_state.h"

const char *look_text(struct node_facts *f, const char *fmt, ...)
{
    va_list args;
    const char *out;

    va_start(args, fmt);
    out = arena_vprintf(&f->arena, fmt, args);
    va_end(args);
    return out ? out : "";
}

bool look_line(char *out, size_t size, const char *path)
{
    OWN_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, out, size - 1) : -1;

    if (n < 0)
        return false;
    out[n] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return true;
}

enum node_sight look_at(const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0)
        return NODE_THERE;
    return errno == EACCES || errno == EPERM ? NODE_DENIED : NODE_MISSING;
}

enum node_socket_end look_socket(const char *path, int *out_pid)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ucred listener = {.pid = 0};
    socklen_t size = sizeof listener;
    OWN_FD int fd = -1;

    *out_pid = 0;

    if (!TEXT_COPY(address.sun_path, path))
        return NODE_SOCKET_MISSING;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return NODE_SOCKET_DENIED;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &listener, &size) == 0)
            *out_pid = listener.pid;
        return NODE_SOCKET_LIVE;
    }
    if (errno == EAGAIN)
        return NODE_SOCKET_LIVE;
    return errno == ENOENT || errno == ENOTDIR ? NODE_SOCKET_MISSING
           : errno == EACCES || errno == EPERM ? NODE_SOCKET_DENIED
                                               : NODE_SOCKET_DEAD;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **look_folder(struct node_facts *f, size_t *out_n, enum node_sight *out_sight,
                         const char *path, size_t most)
{
    DIR *folder = opendir(path);
    const char **names = NULL;
    const struct dirent *entry;
    size_t n = 0;

    *out_n = 0;
    *out_sight = folder                              ? NODE_THERE
                 : errno == EACCES || errno == EPERM ? NODE_DENIED
                                                     : NODE_MISSING;
    if (!folder)
        return NULL;
    while (n < most && (entry = readdir(folder)) != NULL) {
        const char **grown;

        if (entry->d_name[0] == '.')
            continue;
        grown = arena_grow(&f->arena, names, n, sizeof *grown);
        if (!grown)
            break;
        names = grown;
        names[n++] = look_text(f, "%s", entry->d_name);
    }
    (void)closedir(folder);
    if (n > 0)
        qsort(names, n, sizeof *names, by_name);
    *out_n = n;
    return names;
}

static void look_state_folder(struct node_facts *f, const struct node_places *p)
{
    struct node_carved_facts *c = &f->carved;
    struct statvfs st;

    c->state_folder =
        p->state_folder ? p->state_folder : look_text(f, "%s/var/lib/carve", p->host_root);
    c->state_sight = look_at(c->state_folder);
    if (c->state_sight != NODE_THERE)
        return;
    if (statvfs(c->state_folder, &st) < 0) {
        c->state_sight = NODE_DENIED;
        return;
    }
    c->state_writable = !(st.f_flag & ST_RDONLY);
    /* carved is root, to whom what is kept back is free; ramfs does not count at all. */
    c->state_free_bytes = st.f_blocks > 0 ? (uint64_t)st.f_bfree * st.f_frsize : UINT64_MAX;
}

int node_look(struct node_facts *f, const struct node_places *p, struct err *e)
{
    f->is_root = geteuid() == 0;
    f->is_contained = !*p->host_root &&
                      (secure_getenv("KUBERNETES_SERVICE_HOST") ||
                       access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0);
    look_driver(f, p);
    look_libraries(f, p);
    look_devices(f, p);
    look_runtimes(f, p);
    look_cdi(f, p);
    look_kubelet(f, p);
    look_state_folder(f, p);
    return f->arena.failed ? err_memory(e) : 0;
}

const struct inventory *node_hardware(const struct node_facts *f)
{
    if (f->driver.told)
        return f->driver.told->inventory;
    return f->carved.state ? f->carved.state->inventory : NULL;
}

void node_facts_done(struct node_facts *f)
{
    node_state_free(f->driver.told);
    yaml_doc_free(f->api.node);
    arena_done(&f->arena);
    *f = (struct node_facts){0};
}
