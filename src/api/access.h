/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an API server is and who we are to it: out of kubeconfig files as kubectl reads them, or
 * from inside a pod. Secrets are kept as they stand; nothing of them ever goes into a message.
 */
#ifndef API_ACCESS_H
#define API_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/own.h"

struct err;

/* Owns its strings; NULL is "not given". */
struct access {
    char *context;     /* its name; NULL inside a pod */
    char *server;      /* "https://host:port" with an optional path, no slash at the end */
    char *server_name; /* that its certificate is for, if another */
    char *proxy;       /* URL */
    bool insecure;     /* the server's certificate is not checked */
    char *ca_file;     /* of the server, PEM: a file, or the text itself */
    char *ca;
    char *certificate_file, *certificate; /* of the client, PEM */
    char *key_file, *key;
    char *token;
    char *token_file; /* that it came from, where it lies in one; pods' change within the hour */
    char *user, *password;
    char *as, *as_uid; /* whom to act as; NULL: ourselves */
    size_t n_groups;
    char **as_groups;
};

/*
 * path NULL: $KUBECONFIG (files parted by ':', the first that defines a name counts), else
 * ~/.kube/config, else the service account of a pod. context NULL: the current one. Runs the
 * user's credential program ("exec") where the user is defined by one; its output is used once.
 */
int access_read(struct access **out, const char *path, const char *context, struct err *e);
void access_free(struct access *a);

/* Reads a token that lies in a file anew; the old one stays where that fails. */
int access_renew(struct access *a, struct err *e);
OWN_POINTER(struct access, access_free);

#endif
