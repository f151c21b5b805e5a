/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of a node to findings: a fit node, then one fact changed at a time. */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "doctor/cuda_run.h"
#include "doctor/node_facts.h"
#include "doctor/node_judge.h"
#include "node/node_state.h"
#include "test.h"

/* A node with all that its facts point to. */
struct scene {
    struct node_facts f;
    struct gpu gpus[2];
    struct inventory inventory;
    struct node_state told, carved;
    struct node_resource resource;
    struct node_device devices[3];
    struct node_cuda_facts cuda;
};

static void make_gpus(struct scene *s)
{
    for (unsigned i = 0; i < 2; i++) {
        s->gpus[i] = (struct gpu){.index = i, .mig = GPU_MIG_OFF, .mig_pending = GPU_MIG_OFF};
        (void)TEXT_COPY(s->gpus[i].name, "Test GPU");
        (void)TEXT_COPY(s->gpus[i].bus_id, i ? "0000:02:00.0" : "0000:01:00.0");
        (void)TEXT_COPY(s->f.driver.pci[i].bus_id, s->gpus[i].bus_id);
        (void)TEXT_COPY(s->f.driver.pci[i].driver, "nvidia");
    }
    s->inventory = (struct inventory){.cuda_version = 12080, .n_gpus = 2, .gpus = s->gpus};
    s->told.inventory = &s->inventory;
}

static void make_driver(struct scene *s)
{
    struct node_driver_facts *d = &s->f.driver;

#if defined(__aarch64__)
    const uint16_t machine = EM_AARCH64;
#else
    const uint16_t machine = EM_X86_64;
#endif
    s->devices[0] =
        (struct node_device){"/dev/nvidiactl", "nvidia", true, NODE_THERE, true, 195, true};
    s->devices[1] =
        (struct node_device){"/dev/nvidia-uvm", "nvidia-uvm", true, NODE_THERE, true, 510, true};
    s->devices[2] =
        (struct node_device){"/dev/nvidia0", "nvidia", true, NODE_THERE, true, 195, true};
    d->bus_seen = true;
    d->n_pci = 2;
    d->module = "570.1.2";
    d->nvml = (struct node_library){"/lib/libnvidia-ml.so.1", "570.1.2", machine, NULL, CHILD_DONE};
    d->cuda = (struct node_library){"/lib/libcuda.so.1", "570.1.2", machine, NULL, CHILD_DONE};
    d->cuda_version = 12080;
    d->told = &s->told;
    d->n_majors = 2;
    d->majors[0] = (struct node_major){195, "nvidia-frontend"};
    d->majors[1] = (struct node_major){510, "nvidia-uvm"};
    d->n_devices = 3;
    d->devices = s->devices;
}

static void make_rest(struct scene *s)
{
    struct node_facts *f = &s->f;

    f->runtime = (struct node_runtime_facts){
        .n_runtimes = 1, .tools = "", .cdi_folder = "/var/run/cdi", .cdi_sight = NODE_THERE};
    f->runtime.runtimes[0] =
        (struct node_runtime){"containerd", "/etc/c.toml", NODE_THERE, 3, -1, false, false};
    f->is_root = true;
    f->kubelet = (struct node_kubelet_facts){.folder = "/k"};
    s->resource = (struct node_resource){.name = "nvidia.com/gpu",
                                         .slices = 2,
                                         .healthy = 2,
                                         .replicas = 1,
                                         .registered = true,
                                         .profile = ""};
    s->carved = (struct node_state){.inventory = &s->inventory,
                                    .n_resources = 1,
                                    .resources = &s->resource,
                                    .config_file = "",
                                    .config_error = "",
                                    .driver_error = "",
                                    .version = CARVE_VERSION,
                                    .machine = "",
                                    .config_name = "",
                                    .resolved = true};
    f->carved = (struct node_carved_facts){.socket = "/s",
                                           .found = 1,
                                           .state = &s->carved,
                                           .state_folder = "/st",
                                           .state_sight = NODE_THERE,
                                           .state_writable = true,
                                           .state_free_bytes = 1 << 30};
    f->api = (struct node_api_facts){
        .end = NODE_API_NONE, .error = "no kubeconfig", .node_name = "n", .user = ""};
}

static void make(struct scene *s)
{
    memset(s, 0, sizeof *s);
    make_gpus(s);
    make_driver(s);
    make_rest(s);
}

/* The first finding of a check, or NULL. */
static const struct node_finding *find(const struct node_report *r, const char *check)
{
    for (size_t i = 0; i < r->n_findings; i++)
        if (strcmp(r->findings[i].check, check) == 0)
            return &r->findings[i];
    return NULL;
}

static void a_fit_node(void **state)
{
    struct node_report r = {.n_findings = 0};
    struct scene s;

    (void)state;
    make(&s);
    assert_int_equal(node_judge(&r, &s.f, NULL), 0);
    assert_null(node_cause(&r));
    for (size_t i = 0; i < r.n_findings; i++)
        if (r.findings[i].level == NODE_WARNING)
            fail_msg("%s: %s", r.findings[i].check, r.findings[i].seen);
    node_report_done(&r);
}

/* What is changed in the scene. */
static void no_gpu(struct scene *s)
{
    s->f.driver.n_pci = 0;
    s->f.driver.module = NULL;
    s->f.driver.told = NULL;
    s->f.carved.state = NULL;
    s->f.carved.found = 0;
}

static void no_carved(struct scene *s)
{
    s->f.carved.found = 0;
    s->f.carved.state = NULL;
}

static void unseen_bus(struct scene *s)
{
    s->f.driver.n_pci = 0;
    s->f.driver.bus_seen = false;
}

static void nouveau_by_driver(struct scene *s)
{
    s->f.driver.module = NULL;
    s->f.driver.told = NULL;
    (void)TEXT_COPY(s->f.driver.pci[0].driver, "nouveau");
}

static void no_library(struct scene *s)
{
    s->f.driver.told = NULL;
    s->f.driver.nvml = (struct node_library){NULL, "", 0, "is nowhere", CHILD_DONE};
    s->f.driver.cuda = s->f.driver.nvml;
    s->carved.driver_error = "is nowhere";
}

static void library_only_in_carved(struct scene *s)
{
    no_library(s);
    s->carved.driver_error = "";
}

static void other_machine(struct scene *s)
{
    s->f.driver.told = NULL;
    s->f.driver.nvml.machine = EM_PPC64;
}

static void mismatch(struct scene *s)
{
    s->f.driver.module = "550.1.2";
    s->f.driver.told = NULL;
    s->f.driver.nvml.error = "start NVML: different versions";
    s->carved.driver_error = "different versions";
}

static void compat(struct scene *s)
{
    s->f.driver.cuda.path = "/usr/local/cuda/compat/libcuda.so.1";
    s->f.driver.cuda.version = "580.1.2";
}

static void hang(struct scene *s)
{
    s->f.driver.told = NULL;
    s->f.driver.nvml.end = CHILD_LATE;
    s->f.driver.nvml.error = "no answer within 30 s";
    s->carved.driver_error = "has not answered for 30 s";
}

static void not_permitted(struct scene *s)
{
    s->f.driver.told = NULL;
    s->f.driver.nvml_code = -EPERM;
    s->f.driver.nvml.error = "start NVML: insufficient permissions";
}

static void lost_gpu(struct scene *s)
{
    (void)TEXT_COPY(s->gpus[1].fault, "GPU is lost");
}

static void unnamed_gpu(struct scene *s)
{
    s->inventory.n_gpus = 1;
}

static void missing_uvm(struct scene *s)
{
    s->devices[1].sight = NODE_MISSING;
}

static void stale_uvm(struct scene *s)
{
    s->devices[1].major = 511;
}

static void plain_file(struct scene *s)
{
    s->devices[2].is_device = false;
}

static void unknown_majors(struct scene *s)
{
    s->f.driver.n_majors = 0;
}

static void not_usable(struct scene *s)
{
    s->devices[2].usable = false;
}

/* As after a reload of systemd, which takes a container's devices away. */
static void not_usable_to_root(struct scene *s)
{
    not_usable(s);
    not_permitted(s);
    s->carved.driver_error = "insufficient permissions";
}

static void not_usable_to_a_user(struct scene *s)
{
    not_usable_to_root(s);
    s->f.is_root = false;
}

static void not_permitted_to_a_user(struct scene *s)
{
    not_permitted(s);
    no_carved(s);
    s->f.is_root = false;
}

static void user_beside_carved(struct scene *s)
{
    not_usable(s);
    not_permitted(s);
    s->f.is_root = false;
}

static void missing_control(struct scene *s)
{
    not_permitted(s);
    s->f.driver.nvml_code = -ENODEV;
    s->devices[0].sight = NODE_MISSING;
    s->devices[0].usable = false;
    s->carved.driver_error = "driver is not loaded";
}

static void container_without_cuda(struct scene *s)
{
    missing_uvm(s);
    s->f.driver.own_dev = s->f.is_contained = true;
}

static void container_beside_carved(struct scene *s)
{
    library_only_in_carved(s);
    s->f.driver.module = NULL;
}

static void unplugged_for_virtual_machines(struct scene *s)
{
    unnamed_gpu(s);
    (void)TEXT_COPY(s->f.driver.pci[1].driver, "nvgrace_gpu_vfio_pci");
}

static void leaving_resource(struct scene *s)
{
    s->f.carved.pid = 7;
    s->f.kubelet.n_sockets = 1;
    s->f.kubelet.sockets[0] = (struct node_socket){"nvidia-mig-1g.5gb.sock", NODE_SOCKET_LIVE, 7};
}

static void spec_of_another_user(struct scene *s)
{
    s->f.runtime.n_specs = 1;
    s->f.runtime.specs[0] = (struct node_spec){.folder = "/etc/cdi",
                                               .name = "carve.dev-gpu.json",
                                               .error = "permission denied",
                                               .denied = true};
}

static void other_account(struct scene *s)
{
    s->f.api = (struct node_api_facts){.end = NODE_API_ANSWERS,
                                       .in_pod = true,
                                       .node_name = "n",
                                       .user = "system:serviceaccount:default:default",
                                       .namespace = "default",
                                       .server = "https://x",
                                       .name_guessed = true,
                                       .node_code = -ENOENT,
                                       .node_error = "not found",
                                       .n_rights = 1,
                                       .rights = {{.verb = "get",
                                                   .group = "",
                                                   .resource = "nodes",
                                                   .subresource = "",
                                                   .what = "all",
                                                   .needed = true}}};
}

static void old_credentials(struct scene *s)
{
    other_account(s);
    s->f.api.in_pod = s->f.api.name_guessed = false;
    s->f.api.node_code = -EPERM;
}

static void first_of_many_devices(struct scene *s)
{
    s->f.cuda = &s->cuda;
    s->cuda.step = CUDA_STEP_DONE;
    s->cuda.n_devices = 8;
}

static void pending_mig(struct scene *s)
{
    s->gpus[0].mig_pending = GPU_MIG_ON;
}

static void cdi_off(struct scene *s)
{
    s->f.runtime.runtimes[0].cdi = 0;
}

static void runtime_denied(struct scene *s)
{
    s->f.runtime.runtimes[0].sight = NODE_DENIED;
}

static void no_kubelet_socket(struct scene *s)
{
    s->f.kubelet.kubelet = NODE_SOCKET_MISSING;
    s->resource.registered = false;
}

static void kubelet_denied(struct scene *s)
{
    s->f.kubelet.sight = s->f.kubelet.plugins = NODE_DENIED;
    s->f.kubelet.kubelet = NODE_SOCKET_DENIED;
}

static void kubelet_of_a_container(struct scene *s)
{
    s->f.kubelet.sight = s->f.kubelet.plugins = NODE_MISSING;
    s->f.kubelet.kubelet = NODE_SOCKET_MISSING;
    s->f.api.in_pod = true;
    s->resource.registered = false;
}

static void carved_denied(struct scene *s)
{
    no_carved(s);
    s->f.carved.found = -EACCES;
    s->f.carved.error = "permission denied";
}

static void workstation(struct scene *s)
{
    no_carved(s);
    s->f.kubelet.sight = s->f.kubelet.plugins = NODE_MISSING;
    s->f.kubelet.kubelet = NODE_SOCKET_MISSING;
    s->f.runtime.n_runtimes = 0;
}

static void other_version(struct scene *s)
{
    s->carved.version = "0.0.1";
}

static void refused_config(struct scene *s)
{
    s->carved.config_error = "config.yaml:3:4: bad";
    s->carved.n_resources = 0;
}

static void nothing_offered(struct scene *s)
{
    s->carved.n_resources = 0;
}

static void unregistered(struct scene *s)
{
    s->resource.registered = false;
}

static void unhealthy(struct scene *s)
{
    s->resource.healthy = 0;
}

static const struct node_fault a_fault = {.gpu = 1,
                                          .uuid = "GPU-1",
                                          .gi_id = -1,
                                          .ci_id = -1,
                                          .xid = 79,
                                          .what = "fell off the bus",
                                          .cause = "",
                                          .cure = "reboot the node",
                                          .slices = 2};

static void fault(struct scene *s)
{
    s->carved.n_faults = 1;
    s->carved.faults = &a_fault;
}

static void read_only(struct scene *s)
{
    s->f.carved.state_writable = false;
}

static void full(struct scene *s)
{
    s->f.carved.state_free_bytes = 100;
}

static void api_down_in_a_pod(struct scene *s)
{
    s->f.api.end = NODE_API_FAILED;
    s->f.api.in_pod = true;
    s->f.api.error = "cannot reach";
}

static void api_down_elsewhere(struct scene *s)
{
    api_down_in_a_pod(s);
    s->f.api.in_pod = false;
}

static void no_such_node(struct scene *s)
{
    s->f.api = (struct node_api_facts){.end = NODE_API_ANSWERS,
                                       .node_name = "n",
                                       .user = "",
                                       .server = "https://x",
                                       .node_code = -ENOENT,
                                       .node_error = "not found"};
}

static void mig_without_cuda(struct scene *s)
{
    s->f.cuda = &s->cuda;
    (void)TEXT_COPY(s->cuda.refused, "all GPUs are in MIG mode and have no instance");
}

static void wrong_sums(struct scene *s)
{
    s->f.cuda = &s->cuda;
    s->cuda.step = CUDA_STEP_DONE;
    s->cuda.n_sums = 10;
    s->cuda.n_wrong = 3;
}

/* Each change, the check that tells of it, how grave, and words of it. Failed: it is the cause. */
static const struct row {
    void (*change)(struct scene *s);
    const char *check;
    enum node_level level;
    const char *words;
} rows[] = {
    {no_gpu, "pci", NODE_FAILED, "no NVIDIA GPU"},
    {unseen_bus, "pci", NODE_UNSEEN, "no PCI bus"},
    {nouveau_by_driver, "kernel-module", NODE_FAILED, "nouveau"},
    {no_library, "driver-library", NODE_FAILED, "is nowhere"},
    {no_library, "nvml", NODE_UNSEEN, "follows from driver-library"},
    {no_library, "carved-driver", NODE_UNSEEN, "follows from driver-library"},
    {library_only_in_carved, "driver-library", NODE_UNSEEN, "another container"},
    {library_only_in_carved, "device-nodes", NODE_UNSEEN, "another container"},
    {other_machine, "driver-library", NODE_FAILED, "another machine"},
    {mismatch, "versions", NODE_FAILED, "module is 550.1.2"},
    {mismatch, "nvml", NODE_UNSEEN, "follows from versions"},
    {compat, "versions", NODE_WARNING, "compat"},
    {hang, "nvml", NODE_FAILED, "hangs"},
    {hang, "carved-driver", NODE_UNSEEN, "follows from nvml"},
    {not_permitted, "nvml", NODE_FAILED, "insufficient permissions"},
    {lost_gpu, "gpus", NODE_FAILED, "GPU 1 (Test GPU, 0000:02:00.0): GPU is lost"},
    {unnamed_gpu, "gpus", NODE_FAILED, "names 1 of the 2 GPUs on the bus; not 0000:02:00.0"},
    {missing_uvm, "device-nodes", NODE_FAILED, "/dev/nvidia-uvm is missing"},
    {stale_uvm, "device-nodes", NODE_FAILED, "has major number 511"},
    {plain_file, "device-nodes", NODE_FAILED, "/dev/nvidia0 is no device node"},
    {unknown_majors, "device-nodes", NODE_FINE, "3 are there"},
    {not_usable, "device-nodes", NODE_UNSEEN, "may not be opened"},
    {not_usable_to_root, "device-nodes", NODE_FAILED, "may not be opened"},
    {not_usable_to_root, "nvml", NODE_UNSEEN, "follows from device-nodes"},
    {not_usable_to_a_user, "device-nodes", NODE_UNSEEN, "may not be opened"},
    {not_usable_to_a_user, "nvml", NODE_UNSEEN, "/dev/nvidia0 may not be opened by this user"},
    {user_beside_carved, "nvml", NODE_FINE, "answers carved"},
    {not_permitted_to_a_user, "nvml", NODE_UNSEEN, "insufficient permissions"},
    {missing_control, "device-nodes", NODE_FAILED, "/dev/nvidiactl is missing"},
    {missing_control, "nvml", NODE_UNSEEN, "follows from device-nodes"},
    {container_without_cuda, "device-nodes", NODE_UNSEEN, "/dev/nvidia-uvm is missing"},
    {pending_mig, "mig", NODE_WARNING, "GPU 0: MIG mode on is pending"},
    {cdi_off, "runtime", NODE_FAILED, "CDI is off"},
    {runtime_denied, "runtime", NODE_UNSEEN, "cannot be read"},
    {no_kubelet_socket, "kubelet", NODE_FAILED, "kubelet.sock is missing"},
    {no_kubelet_socket, "registration", NODE_UNSEEN, "follows from kubelet"},
    {kubelet_denied, "kubelet", NODE_UNSEEN, "may not be looked at"},
    {kubelet_of_a_container, "kubelet", NODE_UNSEEN, "cannot be seen from here"},
    {kubelet_of_a_container, "registration", NODE_FAILED, "has not taken nvidia.com/gpu"},
    {no_carved, "carved", NODE_FAILED, "does not run"},
    {carved_denied, "carved", NODE_UNSEEN, "permission denied"},
    {workstation, "carved", NODE_ABSENT, "/s"},
    {workstation, "kubelet", NODE_ABSENT, "no kubelet"},
    {workstation, "runtime", NODE_ABSENT, "no containerd"},
    {workstation, "api", NODE_ABSENT, "no kubeconfig"},
    {other_version, "carved", NODE_WARNING, "runs 0.0.1"},
    {refused_config, "configuration", NODE_FAILED, "config.yaml:3:4"},
    {refused_config, "slices", NODE_UNSEEN, "follows from configuration"},
    {nothing_offered, "slices", NODE_FAILED, "no slices"},
    {unregistered, "registration", NODE_FAILED, "nvidia.com/gpu"},
    {unhealthy, "slices", NODE_FAILED, "2 of 2 slices"},
    {fault, "faults", NODE_FAILED, "GPU 1 (Xid 79): fell off the bus"},
    {read_only, "state", NODE_FAILED, "read-only"},
    {full, "state", NODE_FAILED, "full"},
    {api_down_in_a_pod, "api", NODE_FAILED, "cannot reach"},
    {api_down_elsewhere, "api", NODE_UNSEEN, "cannot reach"},
    {no_such_node, "api", NODE_FAILED, "not found"},
    {mig_without_cuda, "cuda", NODE_FAILED, "MIG mode and have no instance"},
    {wrong_sums, "cuda", NODE_FAILED, "3 of 10 sums are wrong"},
};

static void each_change_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct node_report r = {.n_findings = 0};
        const struct node_finding *n;
        struct scene s;

        make(&s);
        rows[i].change(&s);
        assert_int_equal(node_judge(&r, &s.f, NULL), 0);
        n = find(&r, rows[i].check);
        if (!n || n->level != rows[i].level || !strstr(n->seen, rows[i].words))
            fail_msg("row %zu: %s: %s %s", i, rows[i].check, n ? node_level_name(n->level) : "none",
                     n ? n->seen : "");
        if (rows[i].level == NODE_FAILED && node_cause(&r) != n)
            fail_msg("row %zu: the cause is %s: %s", i, node_cause(&r)->check,
                     node_cause(&r)->seen);
        if (rows[i].level <= NODE_WARNING && !*n->cure)
            fail_msg("row %zu: %s has no cure", i, rows[i].check);
        node_report_done(&r);
    }
}

/* What is seen is odd, but says nothing bad of the node. */
static void a_fit_node_stays_fit(void **state)
{
    static void (*const changes[])(struct scene *) = {
        not_usable,
        user_beside_carved,
        container_without_cuda,
        container_beside_carved,
        unplugged_for_virtual_machines,
        leaving_resource,
        spec_of_another_user,
        other_account,
        old_credentials,
        first_of_many_devices,
    };

    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct node_report r = {.n_findings = 0};
        struct scene s;

        make(&s);
        changes[i](&s);
        assert_int_equal(node_judge(&r, &s.f, NULL), 0);
        if (node_cause(&r))
            fail_msg("change %zu: %s: %s", i, node_cause(&r)->check, node_cause(&r)->seen);
        node_report_done(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fit_node),
        cmocka_unit_test(each_change_is_told),
        cmocka_unit_test(a_fit_node_stays_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
