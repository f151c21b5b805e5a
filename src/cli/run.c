/* SPDX-License-Identifier: Apache-2.0 */
/* `carve run`: a program with a limit on its GPU memory. The parts are in run.h. */
#include "cli/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "page/page_slot.h"

enum { LEFT_LOOKS = 25, LEFT_PAUSE_NS = 10000000 };

/* Below the folder of this program's own file; false: it cannot be told. */
static bool beside_us(char *out, size_t size, const char *path)
{
    char self[PROGRAM_PATH_SIZE];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    if (n <= 0)
        return false;
    self[n] = '\0';
    slash = strrchr(self, '/');
    if (!slash)
        return false;
    *slash = '\0';
    n = snprintf(out, size, "%s/%s", self, path);
    return n > 0 && (size_t)n < size;
}

/* CARVE_LIBRARY, or beside this program as it was built, or where it is installed. */
static int find_library(struct run *r, struct err *e)
{
    const char *given = secure_getenv("CARVE_LIBRARY");
    char path[PROGRAM_PATH_SIZE];

    if (given && *given)
        (void)TEXT_COPY(path, given);
    else if (!beside_us(path, sizeof path, "../shim/libcarve.so") || access(path, R_OK) != 0)
        (void)TEXT_COPY(path, CARVE_LIBRARY_PATH);
    if (path[0] != '/' || access(path, R_OK) != 0)
        return err_set(
            e, ENOENT,
            "there is no library '%s', by which limits get into a program; install it, or "
            "name it (a whole path) in CARVE_LIBRARY",
            path);
    if (!realpath(path, r->library))
        return err_errno(e, errno, "find '%s'", path);
    return (*inject_all())->check_library(r->library, e);
}

/* A container has an environment of its own; a client that hands the slice on names CARVE_PAGE. */
bool run_hands_on(const struct run *r)
{
    for (char *const *word = r->o.command; word && *word; word++)
        if (strstr(*word, "CARVE_PAGE"))
            return true;
    return false;
}

static const struct inject *choose_back_end(const struct run *r, struct err *e)
{
    if (!r->program.containers)
        return inject_choose(&r->program, e);
    if (run_hands_on(r))
        return *inject_all();
    (void)err_set(
        e, ENOTSUP,
        "'%s' starts containers, which the limit would not reach; hand it on with '-e "
        "LD_PRELOAD -e CARVE_PAGE -e CARVE_LIBRARY' and two mounts, as 'man carve-run' shows",
        r->program.path);
    return NULL;
}

/* What can be judged without the driver. */
static int look_at_program(struct run *r, struct err *e)
{
    const char *page = secure_getenv("CARVE_PAGE");
    int code = find_library(r, e);

    if (code < 0)
        return code;
    if (page && *page)
        return err_set(
            e, EBUSY,
            "this is inside a slice already ('%s'), whose limit holds for all that is started "
            "here; start another slice from outside of it",
            page);
    if (!r->o.command)
        return 0;
    code = program_find(&r->program, r->o.command[0], e);
    if (code < 0)
        return code;
    r->back_end = choose_back_end(r, &r->unattached);
    return 0;
}

int run_environment(const struct run *r, struct inject_environment *env, struct err *e)
{
    char devices[PAGE_DEVICES * (GPU_UUID_SIZE + 1)] = "";
    const struct inject_slice slice = {.page = r->path, .library = r->library, .devices = devices};
    size_t at = 0;

    for (unsigned i = 0; i < r->n_devices; i++) {
        const char *uuid = meter_device(r->meter, r->devices[i])->uuid;

        at += (size_t)snprintf(devices + at, sizeof devices - at, "%s%s", i > 0 ? "," : "", uuid);
    }
    if (r->back_end)
        return r->back_end->prepare(env, &slice, e);
    return inject_add(env, e, "CUDA_VISIBLE_DEVICES", "%s", devices);
}

/* Does anybody but us keep the slice? */
static bool is_kept(const struct run *r)
{
    for (unsigned i = 0; i < page_slots(r->page); i++)
        if (&r->page->slots[i] != r->slot && page_life(&r->page->slots[i]) != PAGE_DEAD)
            return true;
    return false;
}

/* Who has not used a GPU yet does not keep the slice. Most of what a program leaves ends at once.
 */
static void warn_of_those_left(const struct run *r, const struct run_child *child)
{
    const struct timespec pause = {.tv_nsec = LEFT_PAUSE_NS};

    for (unsigned i = 0; i < LEFT_LOOKS; i++) {
        if (!r->back_end || is_kept(r) || !run_child_has_left(child))
            return;
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    }
    report_note(
        "warning: the slice ends with the program; processes that it left running have not "
        "used a GPU yet, and will get no memory of one. If they shall, let the program wait "
        "for them");
}

/* The program's wait status. */
static int start_and_wait(struct run *r, int *out_status, struct err *e)
{
    struct inject_environment *env = calloc(1, sizeof *env);
    struct run_measure measure;
    struct run_child child = {0};
    int code = env ? run_environment(r, env, e) : err_memory(e);

    if (code == 0) {
        run_child_prepare(&child);
        code = run_child_start(&child, r, env, e);
    }
    free(env);
    if (code < 0)
        return code;
    if (!r->back_end)
        r->page->common.unattached++;
    r->child = (uint32_t)child.pid;
    code = run_measure_start(&measure, r, e);
    if (code < 0)
        report_note("warning: %s; contexts count as %d MiB each", e->msg, RUN_CONTEXT_MIB);
    *out_status = run_child_wait(&child);
    if (code == 0)
        run_measure_stop(&measure);
    warn_of_those_left(r, &child);
    return 0;
}

static int run(struct run *r, int *out_status, struct err *e)
{
    int code = run_claim_or_wait(r, e);

    if (code < 0)
        return code;
    run_note_outside(r);
    return start_and_wait(r, out_status, e);
}

static int open_node(struct run *r, struct err *e)
{
    int code = look_at_program(r, e);

    if (code == 0 && r->o.command && !r->back_end && !r->o.allow_unattached && !r->o.explain)
        code = err_set(e, ENOTSUP, "%s; or start it without any limit: --allow-unattached",
                       r->unattached.msg);
    if (code == 0)
        code = meter_open(&r->meter, r->o.driver_root, e);
    return code;
}

int cmd_run(int argc, char **argv)
{
    struct run *r = calloc(1, sizeof *r);
    struct err e = {0};
    int status = 0, code, exit_code = REPORT_FAILED;

    if (!r)
        return err_memory(&e), report_error(&e);
    run_options_read(&r->o, argc, argv);
    code = open_node(r, &e);
    if (code == 0 && r->o.explain)
        exit_code = run_explain(r);
    else if (code == 0)
        code = run(r, &status, &e);
    if (code < 0)
        (void)report_error(&e);
    if (r->no_room)
        run_note_holders(r);
    run_leave(r);
    slices_free(r->slices);
    meter_close(r->meter);
    run_options_done(&r->o);
    code = code < 0 || r->o.explain ? exit_code : run_child_end(status);
    free(r);
    return code;
}
