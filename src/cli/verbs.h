/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of carve: each takes its own argv (argv[0] is "carve VERB") and gives the exit code. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

/*
 * Finds the verb in argv[1] and runs it; `program` is what stands before the verb ("carve",
 * "carve mig"), `about` heads the help. Verbs end with one without a name.
 */
int verbs_run(const struct verb *verbs, const char *program, const char *about, int argc,
              char **argv);

int cmd_lint(int argc, char **argv);
int cmd_catalog(int argc, char **argv);
int cmd_gpus(int argc, char **argv);
int cmd_mig_show(int argc, char **argv);
int cmd_mig_apply(int argc, char **argv);
int cmd_mig_assert(int argc, char **argv);
int cmd_mig_export(int argc, char **argv);
int cmd_mig_configs(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_doctor(int argc, char **argv);

#endif
