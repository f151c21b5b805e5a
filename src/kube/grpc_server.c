/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets of a gRPC server: listening, accepting, one HTTP/2 session a connection, closing.
 * What the calls mean is grpc_call.c's. Output of a turn of the loop is sent once, in the next one,
 * by an idle handle that runs only when there is something to send: with it the loop does not go
 * to sleep on output that sending itself has made.
 */
#include "kube/grpc_server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "kube/grpc_session.h"
#include "kube/wire.h"

enum { BACKLOG = 128, ACCEPTS_A_TURN = 16 };

struct connection {
    LIST_ENTRY(connection) link;
    struct grpc_server *server;
    struct wire wire;
    struct grpc_session session;
};

struct grpc_server {
    struct grpc_site site;
    uv_poll_t listener;
    uv_idle_t sender;
    int fd;
    int spare_fd; /* given up for a moment to turn a client away when descriptors run out */
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    dev_t dev; /* of the socket's file */
    ino_t ino;
    LIST_HEAD(, connection) connections;
    unsigned n_connections;
    unsigned n_handles; /* of ours that the loop still has */
    bool closing;
};

static struct grpc_server *server_of_site(struct grpc_site *site)
{
    return (struct grpc_server *)(void *)((char *)site - offsetof(struct grpc_server, site));
}

static void release_handle(struct grpc_server *server)
{
    if (--server->n_handles == 0)
        free(server);
}

static void handle_closed(uv_handle_t *handle)
{
    release_handle(handle->data);
}

static void connection_closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;

    release_handle(c->server);
    free(c);
}

static void connection_close(struct connection *c)
{
    LIST_REMOVE(c, link);
    c->server->n_connections--;
    grpc_session_done(&c->session);
    wire_close(&c->wire, connection_closed);
}

static void connection_ready(uv_poll_t *poll, int status, int events)
{
    struct connection *c = poll->data;

    if (c->server->closing) /* said its last word, which send_output() will deliver */
        return;
    if (status < 0 || ((events & UV_READABLE) && wire_read(&c->wire) < 0)) {
        connection_close(c);
        return;
    }
    grpc_session_mark(&c->session);
}

/* Once a turn: what the sessions have to say goes out. */
static void send_output(uv_idle_t *sender)
{
    struct grpc_server *server = sender->data;
    bool closing = server->closing; /* if a callback closes it here, the next turn says goodbye */
    struct connection *next;

    (void)uv_idle_stop(sender);
    for (struct connection *c = LIST_FIRST(&server->connections); c; c = next) {
        bool over = closing;

        next = LIST_NEXT(c, link);
        if (c->session.dirty) {
            c->session.dirty = false;
            over |= wire_write(&c->wire) < 0 || wire_is_over(&c->wire);
        }
        if (over)
            connection_close(c);
    }
    if (!closing)
        return;
    grpc_site_done(&server->site);
    uv_close((uv_handle_t *)sender, handle_closed);
}

static void want_output(struct grpc_site *site)
{
    struct grpc_server *server = server_of_site(site);

    if (!uv_is_closing((uv_handle_t *)&server->sender))
        (void)uv_idle_start(&server->sender, send_output);
}

static struct grpc_peer peer_of(int fd)
{
    struct ucred ucred = {.uid = (uid_t)-1, .gid = (gid_t)-1};
    socklen_t size = sizeof ucred;

    (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &ucred, &size);
    return (struct grpc_peer){.uid = ucred.uid, .gid = ucred.gid, .pid = ucred.pid};
}

/* A client that cannot be served is let go: its socket closes. */
static void admit(struct grpc_server *server, int fd)
{
    OWN_FD int own = fd;
    OWN_MEM struct connection *c = NULL;

    if (server->n_connections >= GRPC_MAX_CONNECTIONS)
        return;
    c = calloc(1, sizeof *c);
    if (!c)
        return;
    c->server = server;
    if (grpc_session_init(&c->session, &server->site, peer_of(fd)) < 0)
        return;
    if (wire_open_take(&c->wire, server->listener.loop, TAKE_FD(own), c->session.h2,
                       connection_ready) < 0) {
        grpc_session_done(&c->session);
        return;
    }
    c->wire.poll.data = c;
    LIST_INSERT_HEAD(&server->connections, c, link);
    server->n_connections++;
    server->n_handles++;
    (void)TAKE(c);
}

static void turn_away(struct grpc_server *server)
{
    int fd;

    if (server->spare_fd >= 0)
        (void)close(server->spare_fd);
    fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        (void)close(fd);
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void client_waits(uv_poll_t *poll, int status, int events)
{
    struct grpc_server *server = poll->data;

    (void)status;
    (void)events;
    for (unsigned i = 0; i < ACCEPTS_A_TURN && !server->closing; i++) {
        int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            admit(server, fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE)
            turn_away(server);
        return;
    }
}

/* A stale socket may be replaced, nothing else. */
static int check_place(const char *path, struct err *e)
{
    struct stat there;

    if (lstat(path, &there) == 0 && !S_ISSOCK(there.st_mode))
        return err_set(e, EEXIST, "listen at '%s': there is a file that is no socket", path);
    return 0;
}

/*
 * Nobody can connect before the mode is right, and whoever sees the name finds a server: bind to
 * another name, set the mode, listen, rename.
 */
static int listen_at(struct grpc_server *server, mode_t mode, struct err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat made;
    int fd = -1, r;

    r = check_place(server->path, e);
    if (r < 0)
        return r;
    if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s~", server->path) >=
        sizeof address.sun_path)
        return err_set(e, ENAMETOOLONG, "listen at '%s': the path is too long", server->path);
    (void)unlink(address.sun_path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(e, errno, "listen at '%s'", server->path);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        r = err_errno(e, errno, "listen at '%s'", server->path);
        (void)close(fd);
        return r;
    }
    if (chmod(address.sun_path, mode) < 0 || listen(fd, BACKLOG) < 0 ||
        lstat(address.sun_path, &made) < 0 || rename(address.sun_path, server->path) < 0) {
        r = err_errno(e, errno, "listen at '%s'", server->path);
        (void)unlink(address.sun_path);
        (void)close(fd);
        return r;
    }
    server->fd = fd;
    server->dev = made.st_dev;
    server->ino = made.st_ino;
    return 0;
}

bool grpc_server_is_reachable(const struct grpc_server *server)
{
    struct stat there;

    return lstat(server->path, &there) == 0 && there.st_dev == server->dev &&
           there.st_ino == server->ino;
}

static void remove_socket(struct grpc_server *server)
{
    if (grpc_server_is_reachable(server))
        (void)unlink(server->path);
    (void)close(server->fd);
}

int grpc_server_open(struct grpc_server **out, uv_loop_t *loop, const char *socket_path,
                     mode_t mode, const struct grpc_method *methods, size_t n_methods, void *self,
                     struct err *e)
{
    OWN_MEM struct grpc_server *server = calloc(1, sizeof *server);
    int r;

    if (!server)
        return err_memory(e);
    if (!TEXT_COPY(server->path, socket_path))
        return err_set(e, ENAMETOOLONG, "listen at '%s': the path is too long", socket_path);
    r = listen_at(server, mode, e);
    if (r < 0)
        return r;
    r = uv_poll_init(loop, &server->listener, server->fd);
    if (r < 0) {
        remove_socket(server);
        return err_errno(e, -r, "listen at '%s'", socket_path);
    }
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    grpc_site_init(&server->site, methods, n_methods, self, want_output);
    LIST_INIT(&server->connections);
    (void)uv_idle_init(loop, &server->sender);
    server->n_handles = 2;
    server->listener.data = server->sender.data = server;
    (void)uv_poll_start(&server->listener, UV_READABLE, client_waits);
    *out = TAKE(server);
    return 0;
}

void grpc_server_close(struct grpc_server *server)
{
    struct connection *c;

    if (server->closing)
        return;
    server->closing = true;
    uv_close((uv_handle_t *)&server->listener, handle_closed);
    remove_socket(server);
    if (server->spare_fd >= 0)
        (void)close(server->spare_fd);
    for (c = LIST_FIRST(&server->connections); c; c = LIST_NEXT(c, link))
        grpc_session_shutdown(&c->session);
    want_output(&server->site);
}
