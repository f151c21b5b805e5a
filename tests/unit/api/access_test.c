/* SPDX-License-Identifier: Apache-2.0 */
/* kubeconfig files as kubectl reads them: contexts, several files, certificates, credential
 * programs. */
#include "api/access.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/file.h"
#include "test.h"

static const char *const two_contexts =
    "apiVersion: v1\nkind: Config\ncurrent-context: one\n"
    "clusters:\n"
    "- {name: c1, cluster: {server: 'https://one:6443/', certificate-authority-data: Zm9v}}\n"
    "- {name: c2, cluster: {server: 'https://two', insecure-skip-tls-verify: true, "
    "tls-server-name: real}}\n"
    "users:\n"
    "- {name: u1, user: {token: secret, client-certificate: sub/cert.pem}}\n"
    "- {name: u2, user: {tokenFile: token}}\n"
    "contexts:\n"
    "- {name: one, context: {cluster: c1, user: u1}}\n"
    "- {name: two, context: {cluster: c2, user: u2}}\n"
    "- {name: broken, context: {cluster: none}}\n";

struct place {
    char folder[64];
    char path[128];
};

static void put(const struct place *p, const char *name, const char *text, mode_t mode)
{
    OWN_MEM char *path = file_join(p->folder, name);
    struct err e = {0};

    assert_int_equal(file_write(path, text, strlen(text), mode, &e), 0);
}

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);

    assert_non_null(p);
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/carve-access-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    (void)snprintf(p->path, sizeof p->path, "%s/config", p->folder);
    put(p, "config", two_contexts, 0600);
    put(p, "token", "from-file\n", 0600);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    static const char *const names[] = {"config", "token", "second", "login"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        OWN_MEM char *path = file_join(p->folder, names[i]);

        (void)unlink(path);
    }
    assert_int_equal(rmdir(p->folder), 0);
    free(p);
    return 0;
}

static void test_current(void **state)
{
    struct place *p = *state;
    OWN(access_freep) struct access *a = NULL;
    OWN_MEM char *certificate = file_join(p->folder, "sub/cert.pem");
    struct err e = {0};

    assert_int_equal(access_read(&a, p->path, NULL, &e), 0);
    assert_string_equal(a->server, "https://one:6443");
    assert_string_equal(a->ca, "foo");
    assert_string_equal(a->token, "secret");
    assert_string_equal(a->certificate_file, certificate);
    assert_false(a->insecure);
}

static void test_other(void **state)
{
    struct place *p = *state;
    OWN(access_freep) struct access *a = NULL;
    struct err e = {0};

    assert_int_equal(access_read(&a, p->path, "two", &e), 0);
    assert_true(a->insecure);
    assert_string_equal(a->server_name, "real");
    assert_string_equal(a->token, "from-file");
}

static void test_wrong(void **state)
{
    struct place *p = *state;
    OWN(access_freep) struct access *a = NULL;
    struct err e = {0};

    assert_int_equal(access_read(&a, p->path, "three", &e), -ENOENT);
    assert_non_null(strstr(e.msg, "'three'"));
    assert_int_equal(access_read(&a, p->path, "broken", &e), -ENOENT);
    assert_non_null(strstr(e.msg, "'none'"));
    assert_int_equal(access_read(&a, "/nowhere/config", NULL, &e), -ENOENT);
    assert_null(a);
}

/* A token file of no token is one that is being written: the token of before counts on. */
static void test_empty_token_file(void **state)
{
    struct place *p = *state;
    OWN(access_freep) struct access *a = NULL;
    struct err e = {0};

    assert_int_equal(access_read(&a, p->path, "two", &e), 0);
    put(p, "token", "\n", 0600);
    assert_int_equal(access_renew(a, &e), -EINVAL);
    assert_non_null(strstr(e.msg, "is empty"));
    assert_string_equal(a->token, "from-file");
    put(p, "token", "another", 0600);
    assert_int_equal(access_renew(a, &e), 0);
    assert_string_equal(a->token, "another");
}

/* The first file that has a name counts, and one that is not there is passed over. */
static void test_several_files(void **state)
{
    struct place *p = *state;
    OWN(access_freep) struct access *a = NULL;
    struct err e = {0};
    char list[512];

    put(p, "second",
        "current-context: two\nclusters: [{name: c1, cluster: {server: 'https://other'}}]\n"
        "contexts: [{name: one, context: {cluster: c1}}]\n",
        0600);
    (void)snprintf(list, sizeof list, "/nowhere:%s/second:%s", p->folder, p->path);
    assert_int_equal(setenv("KUBECONFIG", list, 1), 0);
    assert_int_equal(access_read(&a, NULL, NULL, &e), 0);
    assert_string_equal(a->context, "two");
    access_free(TAKE(a));
    assert_int_equal(access_read(&a, NULL, "one", &e), 0);
    assert_string_equal(a->server, "https://other");
    assert_int_equal(unsetenv("KUBECONFIG"), 0);
}

static void test_credential_program(void **state)
{
    struct place *p = *state;
    OWN(access_freep) struct access *a = NULL;
    struct err e = {0};

    put(p, "config",
        "current-context: c\nclusters: [{name: c, cluster: {server: 'https://c'}}]\n"
        "contexts: [{name: c, context: {cluster: c, user: u}}]\n"
        "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1beta1, "
        "command: ./login, args: [get-token], env: [{name: WHO, value: me}]}}}]\n",
        0600);
    put(p, "login",
        "#!/bin/sh\n[ \"$1\" = get-token ] || exit 3\n"
        "case $KUBERNETES_EXEC_INFO in *v1beta1*) ;; *) exit 4 ;; esac\n"
        "[ $(tr '\\0' '\\n' < /proc/$$/environ | grep -c '^WHO=') = 1 ] || exit 5\n"
        "echo '{\"kind\":\"ExecCredential\",\"status\":{\"token\":\"for-'$WHO'\"}}'\n",
        0700);
    assert_int_equal(setenv("WHO", "somebody-else", 1), 0); /* the kubeconfig's counts */
    assert_int_equal(access_read(&a, p->path, NULL, &e), 0);
    assert_int_equal(unsetenv("WHO"), 0);
    assert_string_equal(a->token, "for-me");
    access_free(TAKE(a));
    put(p, "login", "#!/bin/sh\nexit 7\n", 0700);
    assert_int_equal(access_read(&a, p->path, NULL, &e), -EPERM);
    assert_non_null(strstr(e.msg, "status 7"));
    put(p, "login", "#!/bin/sh\necho '{}'\n", 0700);
    assert_int_equal(access_read(&a, p->path, NULL, &e), -EPERM);
}

static void put_user(const struct place *p, const char *user)
{
    char text[1024];

    (void)snprintf(text, sizeof text,
                   "current-context: c\nclusters: [{name: c, cluster: {server: 'https://c'}}]\n"
                   "contexts: [{name: c, context: {cluster: c, user: u}}]\n"
                   "users: [{name: u, user: {%s}}]\n",
                   user);
    put(p, "config", text, 0600);
}

static void test_impersonation(void **state)
{
    struct place *p = *state;
    OWN(access_freep) struct access *a = NULL;
    struct err e = {0};

    put_user(p, "token: t, as: jane, as-groups: [dev, ops]");
    assert_int_equal(access_read(&a, p->path, NULL, &e), 0);
    assert_string_equal(a->as, "jane");
    assert_int_equal(a->n_groups, 2);
    assert_string_equal(a->as_groups[1], "ops");
}

/* What is not known must not become a request of somebody else's. */
static void test_refuses_other_ways(void **state)
{
    struct place *p = *state;
    OWN(access_freep) struct access *a = NULL;
    struct err e = {0};

    put_user(p, "auth-provider: {name: oidc}");
    assert_int_equal(access_read(&a, p->path, NULL, &e), -ENOTSUP);
    assert_non_null(strstr(e.msg, "'oidc'"));
    put_user(p, "token: t, as: jane, as-user-extra: {reason: [x]}");
    assert_int_equal(access_read(&a, p->path, NULL, &e), -ENOTSUP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_current, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_empty_token_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_several_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_credential_program, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_impersonation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_other_ways, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
