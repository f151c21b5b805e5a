/* SPDX-License-Identifier: Apache-2.0 */
/* carve, the command line: tables of verbs. What a verb does is in the file of its name. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/report.h"
#include "cli/verbs.h"
#include "demo/demo.h"

static const struct verb mig_verbs[] = {
    {"show", cmd_mig_show, "how the GPUs are cut now"},
    {"apply", cmd_mig_apply, "cut them as a configuration says, in the fewest steps"},
    {"assert", cmd_mig_assert, "check whether they are cut as a configuration says"},
    {"export", cmd_mig_export, "write the present layout as a configuration"},
    {"configs", cmd_mig_configs, "list the configurations of a file, or this node's own"},
    {0},
};

static int cmd_mig(int argc, char **argv)
{
    return verbs_run(mig_verbs, "carve mig", "MIG layouts of this node, with mig-parted's files.",
                     argc, argv);
}

static const struct verb verbs[] = {
    {"lint", cmd_lint, "faults in manifests for GPUs, and what they would cost"},
    {"catalog", cmd_catalog,
     "what AWS sells with GPUs: instance types, MIG, prices, cost of a slice"},
    {"gpus", cmd_gpus, "GPUs of this node: memory, MIG devices, processes, possible layouts"},
    {"mig", cmd_mig, "MIG layouts: show, apply, assert, export, configs"},
    {"run", cmd_run, "a program with a limit on its GPU memory"},
    {"ps", cmd_ps, "who holds which slice"},
    {"doctor", cmd_doctor, "what is wrong in a cluster, and what to do next"},
    {"demo", cmd_demo, "the whole job on an emulated node, without a GPU or a cluster"},
    {0},
};

/*
 * Where a standard descriptor is closed, the next file that we open would be it, and our words
 * would be written into that file. What stands there instead can be neither read nor written, as a
 * closed one, and programs that we start get it closed.
 */
static void keep_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

int main(int argc, char **argv)
{
    keep_standard_descriptors();
    argp_err_exit_status = REPORT_FAILED;
    argp_program_version = "carve " CARVE_VERSION;
    if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        (void)puts(argp_program_version);
        return report_finish();
    }
    return verbs_run(verbs, "carve", "Cuts GPUs into slices that hold, for Kubernetes and alone.",
                     argc, argv);
}
