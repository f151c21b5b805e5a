/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules and libraries: images, the kernels and variables in them. Of PTX text the entries,
 * parameters, shared and global variables are read; of any other image nothing is known, and every
 * name is a kernel. Under the session's lock.
 */
#ifndef EMULATOR_CUDA_MODULE_H
#define EMULATOR_CUDA_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct context;

enum {
    IMAGE_NAME = 256,   /* longest name of a kernel */
    IMAGE_PARAMS = 256, /* most parameters of one */
    IMAGE_ATTRIBUTES = 16,
    IMAGE_MAGIC = 4, /* bytes that tell what is no text */
};

/* What is known of a kernel. */
struct image_kernel {
    char name[IMAGE_NAME];
    unsigned n_params;
    uint16_t param_bytes[IMAGE_PARAMS], param_at[IMAGE_PARAMS];
    unsigned shared_bytes;
};

struct image_global {
    char name[IMAGE_NAME];
    uint64_t bytes;
    bool is_managed;
};

struct image {
    bool is_text;                 /* else every name is there */
    unsigned ptx_target;          /* 75 for sm_75 */
    struct image_kernel *kernels; /* owned */
    struct image_global *globals; /* owned */
    unsigned n_kernels, n_globals;
};

/* image.c: INVALID_IMAGE, INVALID_PTX, OUT_OF_MEMORY. */
int image_read(struct image *out, const void *data);
void image_done(struct image *i);

struct module;
struct library;

/* A CUfunction or a CUkernel: a kernel of a module or of a library. */
struct function {
    struct module *module;   /* of a CUfunction */
    struct library *library; /* of a CUkernel, or of the one that a CUfunction comes from */
    struct image_kernel kernel;
    unsigned ptx_target;
    int attributes[IMAGE_ATTRIBUTES]; /* what was set */
    bool loaded;
    unsigned old_block[3], old_shared; /* cuFuncSetBlockShape and the like */
    struct function *next;
};

struct module {
    struct context *context;
    struct library *library; /* it came from */
    struct image image;
    struct function *functions;
    uint64_t *globals; /* by number in the image: their addresses; 0: not there yet */
};

struct library {
    struct image image;
    struct function *kernels;
    struct module *modules[16]; /* by device */
    char *data;                 /* the text, or what tells the kind of image; owned */
};

int module_new(struct context *c, const void *data, struct module **out);
void module_free(struct module *m);
/* The kernel of that name in a list whose image this is, made at first use. */
int function_named(struct function **list, const struct image *image, const char *name,
                   struct function **out);
int module_function(struct module *m, const char *name, struct function **out);
int module_global(struct module *m, const char *name, uint64_t *out_at, size_t *out_bytes);

/* library.c: its module in a context. */
int library_module(struct library *l, struct context *c, struct module **out);

/* A CUfunction, or (launches take both) a CUkernel in its place. NULL: neither. */
struct function *function_find(void *handle);

/* function.c: an attribute as CUfunction_attribute numbers it. */
int function_attribute(const struct function *f, int attribute, int *out);

#endif
