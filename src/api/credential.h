/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user's credential program, as kubeconfig's `exec` names it (`aws eks get-token` and the like):
 * runs it and takes the token or the certificate out of the ExecCredential that it prints.
 */
#ifndef API_CREDENTIAL_H
#define API_CREDENTIAL_H

struct access;
struct err;
struct yaml_node;

/* `exec` is that map of the user; `folder` the kubeconfig's, which relative commands count from. */
int credential_run(struct access *out, const struct yaml_node *exec, const char *folder,
                   struct err *e);

#endif
