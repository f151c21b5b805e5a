/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be seen of one node: gathered by node_look(), judged by node_judge(). Plain values; what
 * was not looked at or may not be read says so, so that judging never takes "unknown" for "no".
 */
#ifndef DOCTOR_NODE_FACTS_H
#define DOCTOR_NODE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "doctor/child.h"
#include "gpu/gpu.h"

struct api;
struct inventory;
struct node_state;
struct yaml_doc;

enum {
    NODE_PCI_MAX = GPU_MAX,
    NODE_DEVICES_MAX = 512, /* device nodes that are looked at */
    NODE_SPECS_MAX = 64,    /* CDI files */
    NODE_RUNTIMES_MAX = 16, /* files of container runtimes */
    NODE_SOCKETS_MAX = 128, /* of device plugins */
    NODE_RIGHTS_MAX = 32,
};

/* Where things are. Strings are borrowed; NULL where the comment says what that means. */
struct node_places {
    const char *driver_root;    /* of the driver's libraries, as seen from here; "/" */
    const char *dev_root;       /* holds /dev/nvidia0; "" is "/" */
    const char *proc_root;      /* "/proc" */
    const char *sysfs_root;     /* "/sys" */
    const char *host_root;      /* holds /etc/containerd, /etc/cdi; "" is "/" */
    const char *cdi_folder;     /* carved's; NULL: /var/run/cdi of the host */
    const char *kubelet_folder; /* NULL: /var/lib/kubelet of the host */
    const char *state_folder;   /* carved's; NULL: /var/lib/carve of the host */
    const char *kubeconfig;     /* NULL: as api_open() looks, then the kubelet's own */
    const char *context;        /* NULL: the current one */
    const char *node_name;      /* NULL: the host's name */
    const char *namespace;      /* of the gateway; NULL: its service account's, or "default" */
    unsigned timeout_ms;        /* for calls into the driver */
};

/* What looking at a file or folder came to. */
enum node_sight {
    NODE_THERE,
    NODE_MISSING,
    NODE_DENIED, /* not allowed to look */
};

struct node_pci {
    char bus_id[16];
    char driver[32]; /* of the kernel, "nvidia"; "": none, or sysfs does not tell */
    bool withheld;   /* this container was not given it */
};

/* A library of the driver. */
struct node_library {
    const char *path;    /* NULL: not found */
    const char *version; /* "580.95.05", from its file's name; "" if that has none */
    uint16_t machine;    /* of its ELF header; 0: it is no ELF file for 64 bits, or unreadable */
    const char *error;   /* why it does not load; NULL: it does */
    enum child_end end;  /* of loading it */
};

/* A major number of character devices, and whose it is. */
struct node_major {
    unsigned major;
    char name[32];
};

struct node_device {
    const char *path;  /* "/dev/nvidia0" */
    const char *owner; /* the name of its major number, "nvidia-uvm" */
    bool needed;       /* nothing works without it */
    enum node_sight sight;
    bool is_device; /* a character device */
    unsigned major;
    bool usable; /* may be opened for reading and writing, or for reading where that is all */
};

struct node_driver_facts {
    bool bus_seen; /* sysfs has PCI devices */
    size_t n_pci;
    struct node_pci pci[NODE_PCI_MAX]; /* GPUs of NVIDIA */
    const char *module;                /* version of the kernel module; NULL: not loaded */
    bool nouveau;                      /* the module nouveau is loaded */
    struct node_library nvml, cuda;
    int nvml_code;           /* 0, or the negative errno that it answered with */
    struct node_state *told; /* what NVML says; NULL: nothing. Owned */
    unsigned cuda_version;   /* libcuda's: 13000 is 13.0; 0: unknown */
    size_t n_majors;
    struct node_major majors[64];
    size_t n_devices;
    struct node_device *devices;
    bool own_dev;     /* they are those of a container's own /dev */
    bool persistence; /* nvidia-persistenced has its socket */
};

/* A file of a container runtime's configuration. */
struct node_runtime {
    const char *name; /* "containerd", "CRI-O" */
    const char *file;
    enum node_sight sight;
    unsigned version; /* of the format; 0: the file does not say */
    int cdi;          /* 1 on, 0 off, -1 not said */
    bool nvidia;      /* there is a runtime called nvidia */
    bool is_default;  /* and it is the default one */
};

/* A CDI file. */
struct node_spec {
    const char *folder, *name;
    const char *error; /* NULL: it can be read and is one */
    bool denied;       /* this user may not read it */
    const char *kind;  /* "carve.dev/gpu" */
    size_t n_devices;
    const char **devices;
    const char *missing; /* the first file of the host that it names and that is not there */
};

enum node_socket_end {
    NODE_SOCKET_LIVE,
    NODE_SOCKET_DEAD, /* a file, but nobody listens */
    NODE_SOCKET_MISSING,
    NODE_SOCKET_DENIED,
};

struct node_socket {
    const char *name;
    enum node_socket_end end;
    int pid; /* who listens; 0: cannot be seen from here */
};

struct node_runtime_facts {
    size_t n_runtimes;
    struct node_runtime runtimes[NODE_RUNTIMES_MAX];
    const char *tools; /* of NVIDIA's toolkit that are installed, in words; "" none */
    enum node_sight cdi_sight;
    const char *cdi_folder;
    size_t n_specs;
    struct node_spec specs[NODE_SPECS_MAX];
};

struct node_kubelet_facts {
    const char *folder;
    enum node_sight sight;   /* of the folder */
    enum node_sight plugins; /* of device-plugins in it */
    enum node_socket_end kubelet, pod_resources;
    size_t n_sockets;
    struct node_socket sockets[NODE_SOCKETS_MAX]; /* of device plugins */
    const char *other_plugin;                     /* a process of another GPU plugin; NULL: none */
};

struct node_carved_facts {
    const char *socket;
    int pid;                        /* who listens; 0: cannot be seen from here */
    int found;                      /* 1 it listens, 0 it does not, negative: it cannot be asked */
    const char *error;              /* why it could not be asked; NULL */
    const struct node_state *state; /* borrowed; NULL: it told nothing */
    const char *state_folder;
    enum node_sight state_sight;
    bool state_writable; /* its file system is not read-only */
    uint64_t state_free_bytes;
};

enum node_api_end {
    NODE_API_NONE, /* nobody says where an API server is */
    NODE_API_FAILED,
    NODE_API_ANSWERS,
};

/* Something that the gateway must be allowed to do. */
struct node_right {
    const char *verb, *group, *resource, *subresource;
    const char *what; /* does not work without it */
    bool in_namespace;
    bool needed; /* false: only where it is configured */
    int given;   /* 1, 0, -1 unknown */
};

struct node_api_facts {
    enum node_api_end end;
    bool in_pod;      /* by a pod's service account */
    bool asked;       /* the user named a kubeconfig */
    bool is_gateways; /* the account is that of carve-gateway's pod */
    const char *server, *error;
    const char *node_name;
    bool name_guessed; /* it is the host's */
    int node_code;     /* 0, or why the node could not be read */
    const char *node_error;
    struct yaml_doc *node; /* the Node object; NULL. Owned */
    const char *user;      /* who the API server says that we are; "" unknown */
    const char *namespace;
    bool has_features; /* NFD's NodeFeature is served */
    size_t n_rights;
    struct node_right rights[NODE_RIGHTS_MAX];
    const char *rights_error; /* why they could not be asked; NULL */
};

struct node_cuda_facts; /* doctor/cuda_run.h */

struct node_facts {
    struct arena arena; /* of all texts and arrays */
    struct node_driver_facts driver;
    struct node_runtime_facts runtime;
    struct node_kubelet_facts kubelet;
    struct node_carved_facts carved;
    struct node_api_facts api;
    const struct node_cuda_facts *cuda; /* NULL: no kernel was to be run */
    bool is_root;
    bool is_contained; /* in a container: paths of the host mean something else here */
};

/* Zeroed facts are to be filled; node_facts_done() frees what is owned. */
void node_facts_done(struct node_facts *f);

/*
 * Looks at everything but carved and CUDA. What fails is a fact too; only memory is an error.
 * No thread may have been started before.
 */
struct err;
int node_look(struct node_facts *f, const struct node_places *places, struct err *e);

/* The API server: to be called last, since its client may start threads. */
int node_look_api(struct node_facts *f, const struct node_places *places, struct err *e);

/* The hardware as it is known best: NVML's own answer, else carved's; NULL: unknown. */
const struct inventory *node_hardware(const struct node_facts *f);

#endif
