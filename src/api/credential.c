/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credential programs: see credential.h. Source: client.authentication.k8s.io/v1. The program gets
 * our environment and terminal, since it may ask the user something; its output is bounded.
 */
#include "api/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/access.h"
#include "api/member.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "config/yaml.h"
#include "config/yaml_at.h"

enum {
    WORDS_MAX = 128,
    VARIABLES_MAX = 16384, /* a pod's services alone may be thousands */
    OUTPUT_MAX_BYTES = 1 << 20,
    INFO_MAX_BYTES = 4096,
};

/* What a program is started with. Owns the environment, borrows the words. */
struct start {
    char *words[WORDS_MAX + 2];
    char **environment; /* ends in NULL */
    size_t n_environment;
};

static void start_done(struct start *s)
{
    for (size_t i = 0; i < s->n_environment; i++)
        free(s->environment[i]);
    free(s->environment);
}

static int set_words(struct start *s, char *command, const struct yaml_node *exec, struct err *e)
{
    const struct yaml_node *args = yaml_at(exec, "args", NULL);

    s->words[0] = command;
    for (size_t i = 0; args && args->kind == YAML_LIST && i < args->count; i++) {
        if (i == WORDS_MAX || args->items[i]->kind != YAML_SCALAR)
            return err_set(e, EINVAL, "args of the credential program are no list of texts");
        s->words[i + 1] = (char *)args->items[i]->text;
    }
    return 0;
}

/* Takes the entry over, also where it fails. */
static int add_entry(struct start *s, char *entry, struct err *e)
{
    OWN_MEM char *mine = entry;
    char **grown;

    if (!mine)
        return err_memory(e);
    if (s->n_environment == VARIABLES_MAX)
        return err_set(e, E2BIG, "too many variables for the credential program");
    grown = reallocarray(s->environment, s->n_environment + 2, sizeof *grown);
    if (!grown)
        return err_memory(e);
    s->environment = grown;
    grown[s->n_environment++] = TAKE(mine);
    grown[s->n_environment] = NULL;
    return 0;
}

/* A variable that is there already gets the new value: programs look at the first of a name. */
static int set_variable(struct start *s, const char *name, const char *value, struct err *e)
{
    size_t size = strlen(name);
    char *entry;

    if (asprintf(&entry, "%s=%s", name, value) < 0)
        return err_memory(e);
    for (size_t i = 0; i < s->n_environment; i++)
        if (strncmp(s->environment[i], name, size) == 0 && s->environment[i][size] == '=') {
            free(s->environment[i]);
            s->environment[i] = entry;
            return 0;
        }
    return add_entry(s, entry, e);
}

/* What the protocol tells the program about itself. */
static int set_info(struct start *s, const struct yaml_node *exec, struct err *e)
{
    const char *version = member_text(exec, "apiVersion"),
               *mode = member_text(exec, "interactiveMode");
    OWN(buf_done) struct buf info;
    struct json j;
    int r;

    buf_init(&info, INFO_MAX_BYTES);
    json_init(&j, &info, 0);
    json_object(&j, NULL);
    json_string(&j, "apiVersion", version ? version : "client.authentication.k8s.io/v1");
    json_string(&j, "kind", "ExecCredential");
    json_object(&j, "spec");
    json_bool(&j, "interactive",
              isatty(STDIN_FILENO) == 1 && !(mode && strcmp(mode, "Never") == 0));
    json_object_end(&j);
    json_object_end(&j);
    r = buf_check(&info, e);
    return r < 0 ? r : set_variable(s, "KUBERNETES_EXEC_INFO", info.data, e);
}

/* Ours, then the user's `env`, then KUBERNETES_EXEC_INFO; the later ones count. */
static int set_environment(struct start *s, const struct yaml_node *exec, struct err *e)
{
    const struct yaml_node *list = yaml_at(exec, "env", NULL);
    int r = 0;

    for (char **from = environ; r == 0 && *from; from++)
        r = add_entry(s, strdup(*from), e);
    for (size_t i = 0; r == 0 && list && list->kind == YAML_LIST && i < list->count; i++) {
        const char *name = member_text(list->items[i], "name");
        const char *value = member_text(list->items[i], "value");

        r = name ? set_variable(s, name, value ? value : "", e) : 0;
    }
    return r < 0 ? r : set_info(s, exec, e);
}

static int read_all(struct buf *out, int fd, struct err *e)
{
    for (;;) {
        char *room = buf_room(out, 4096);
        ssize_t n = room ? read(fd, room, 4096) : 0;

        if (!room)
            return err_set(e, EFBIG, "the credential program prints too much");
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, errno, "cannot read from the credential program");
        if (n == 0)
            return 0;
        buf_grew(out, (size_t)n);
    }
}

static int wait_for(pid_t child, const char *command, struct err *e)
{
    int status;

    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return err_errno(e, errno, "cannot wait for '%s'", command);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_set(e, EPERM, "credential program '%s' failed (status %d)", command,
                       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}

static int run(struct buf *out, struct start *s, struct err *e)
{
    OWN_FD int reading = -1;
    OWN_FD int writing = -1;
    posix_spawn_file_actions_t actions;
    pid_t child = 0;
    int fds[2], r, waited;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_errno(e, errno, "cannot make a pipe");
    reading = fds[0];
    writing = fds[1];
    if (posix_spawn_file_actions_init(&actions) != 0)
        return err_memory(e);
    r = posix_spawn_file_actions_adddup2(&actions, writing, STDOUT_FILENO);
    if (r == 0)
        r = posix_spawnp(&child, s->words[0], &actions, NULL, s->words, s->environment);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (r != 0)
        return err_errno(e, r, "cannot start credential program '%s'", s->words[0]);
    (void)close(TAKE_FD(writing));
    r = read_all(out, reading, e);
    (void)close(TAKE_FD(reading)); /* a program that prints on must end */
    waited = wait_for(child, s->words[0], r < 0 ? NULL : e);
    return r < 0 ? r : waited;
}

static int keep(char **out, const char *text, struct err *e)
{
    if (!text)
        return 0;
    free(*out);
    *out = strdup(text);
    return *out ? 0 : err_memory(e);
}

static int take(struct access *out, const struct buf *printed, const char *command, struct err *e)
{
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    const struct yaml_node *status;
    int r = yaml_read(&doc, command, printed->data ? printed->data : "", printed->size, e);

    if (r < 0)
        return err_wrap(e, "credential program");
    status = yaml_at(doc->root, "status", NULL);
    if (!member_text(status, "token") && !member_text(status, "clientCertificateData"))
        return err_set(e, EPERM, "credential program '%s' gave neither token nor certificate",
                       command);
    r = keep(&out->token, member_text(status, "token"), e);
    if (r == 0)
        r = keep(&out->certificate, member_text(status, "clientCertificateData"), e);
    if (r == 0)
        r = keep(&out->key, member_text(status, "clientKeyData"), e);
    return r;
}

int credential_run(struct access *out, const struct yaml_node *exec, const char *folder,
                   struct err *e)
{
    const char *command = member_text(exec, "command");
    OWN(buf_done) struct buf printed;
    OWN(start_done) struct start start = {0};
    OWN_MEM char *path = NULL;
    int r;

    buf_init(&printed, OUTPUT_MAX_BYTES);
    if (!command)
        return err_set(e, EINVAL, "the user's exec names no command");
    /* With a slash in it a relative command counts from the kubeconfig's folder. */
    path = *command != '/' && strchr(command, '/') && *folder ? file_join(folder, command)
                                                              : strdup(command);
    if (!path)
        return err_memory(e);
    r = set_words(&start, path, exec, e);
    if (r == 0)
        r = set_environment(&start, exec, e);
    if (r == 0)
        r = run(&printed, &start, e);
    return r == 0 ? take(out, &printed, path, e) : r;
}
