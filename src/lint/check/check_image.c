/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images with CUDA: too old for the GPUs that the pod can get, without a program to run, or for
 * another CPU. The version is read from the tag. Source: NVIDIA, CUDA release notes (the first
 * version that has code for an architecture).
 */
#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "lint/check/check_parts.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"

/* Major * 100 + minor of CUDA. */
enum {
    CUDA_CURRENT = 1200,
    CUDA_MIG = 1100,
};

static const struct {
    const char *architecture, *gpu; /* "": any of the architecture */
    unsigned cuda;
} needs[] = {
    {"Ampere", "a10g", 1101},      {"Ampere", "", 1100},
    {"Ada Lovelace", "", 1108},    {"Hopper", "", 1108},
    {"Blackwell Ultra", "", 1209}, {"Blackwell", "", 1208},
    {"Turing", "", 1000},          {"Volta", "", 900},
};

static unsigned need_of(const struct instance_type *t)
{
    for (size_t i = 0; t->gpu_architecture && i < sizeof needs / sizeof needs[0]; i++)
        if (strcmp(needs[i].architecture, t->gpu_architecture) == 0 &&
            (!needs[i].gpu[0] || (t->gpu_name && strcmp(needs[i].gpu, t->gpu_name) == 0)))
            return needs[i].cuda;
    return 0;
}

/* "12.8" at the start of a text; 0 if it is none. */
static unsigned read_version(const char *text)
{
    unsigned major = 0, minor = 0;
    const char *at = text;

    while (isdigit((unsigned char)*at) && at < text + 3)
        major = major * 10 + (unsigned)(*at++ - '0');
    if (at == text || *at != '.' || !isdigit((unsigned char)at[1]) || major > 99)
        return 0;
    for (at++; isdigit((unsigned char)*at) && minor < 10; at++)
        minor = minor * 10 + (unsigned)(*at - '0');
    return minor > 99 ? 0 : major * 100 + minor;
}

/* The tag of an image's name, "" without one. */
static const char *tag_of(const char *image)
{
    const char *slash = strrchr(image, '/'), *colon = strrchr(image, ':');

    return colon && (!slash || colon > slash) ? colon + 1 : "";
}

/* Whether the name before the tag ends in this. */
static bool is_image(const char *image, const char *name)
{
    const char *tag = tag_of(image);
    size_t length = *tag ? (size_t)(tag - 1 - image) : strcspn(image, "@"), n = strlen(name);

    if (length < n || strncmp(image + length - n, name, n) != 0)
        return false;
    return length == n || image[length - n - 1] == '/';
}

static bool is_cuda(const char *image)
{
    return is_image(image, "nvidia/cuda");
}

/* The CUDA version in an image's tag; 0: it tells none. */
static unsigned cuda_of(const char *image)
{
    const char *tag = tag_of(image), *word;

    if (is_cuda(image))
        return read_version(tag);
    word = strstr(tag, "cuda");
    if (!word)
        return 0;
    word += 4;
    word += *word == '-' || *word == '_';
    return read_version(word);
}

/* The least that the pod needs on the GPU that asks for the least; 0: nobody can tell. */
static unsigned least_need(struct lint *l, const struct workload *w,
                           const struct instance_type **out)
{
    const struct pool *p;
    unsigned least = 0;
    size_t at = 0;

    while ((p = match_next(l, w, &at))) {
        if (p->others || p->types_open)
            return 0;
        for (size_t i = 0; i < p->n_types; i++) {
            unsigned need = need_of(p->types[i]);

            if (need == 0)
                return 0;
            if (least == 0 || need < least) {
                least = need;
                *out = p->types[i];
            }
        }
    }
    return least;
}

static bool asks_mig(const struct workload *w)
{
    for (size_t i = 0; i < w->n_asks; i++)
        if (resource_profile(w->asks[i].name))
            return true;
    return false;
}

static void choose_image(struct lint *l, struct finding *f, const struct workload *w,
                         const struct yaml_node *node)
{
    const char *image =
        finding_choose(l, f, node_text(node, ""), "the image that is to be run instead");

    if (image)
        fix_replace(l, f, w->doc, node, lint_printf(l, "\"%s\"", image));
}

static void check_version(struct lint *l, const struct workload *w, const struct yaml_node *node)
{
    const char *image = node_text(node, "");
    unsigned is = cuda_of(image), need;
    const struct instance_type *t = NULL;
    struct finding *f;

    if (is == 0 || !w->gpu)
        return;
    need = least_need(l, w, &t);
    if (need < CUDA_MIG && asks_mig(w)) {
        need = CUDA_MIG;
        t = NULL;
    }
    if (is < need) {
        f = lint_find(l, RULE_IMAGE_CUDA_TOO_OLD, spot_of(w->doc, node),
                      "image '%s' has CUDA %u.%u, without code for %s, which needs %u.%u or later",
                      image, is / 100, is % 100, t ? t->gpu_product : "GPUs that have MIG",
                      need / 100, need % 100);
    } else if (is < CUDA_CURRENT) {
        f = lint_find(l, RULE_IMAGE_CUDA_OLD, spot_of(w->doc, node),
                      "image '%s' has CUDA %u.%u, which NVIDIA maintains no longer and whose tags "
                      "it deletes",
                      image, is / 100, is % 100);
    } else {
        return;
    }
    finding_cure(l, f, "use an image with CUDA %u.%u or later",
                 need > CUDA_CURRENT ? need / 100 : 12, need > CUDA_CURRENT ? need % 100 : 4);
    choose_image(l, f, w, node);
}

static bool is_true(const struct yaml_node *node)
{
    return strcmp(node_text(node, ""), "true") == 0;
}

/* CUDA's own images run a shell, which ends when nobody types. */
static void check_command(struct lint *l, const struct workload *w,
                          const struct yaml_node *container, size_t index)
{
    const struct yaml_node *image = node_get(container, "image");
    const char *restart = node_text(node_get(w->pod, "restartPolicy"), "Always"), *command;
    struct finding *f;

    if (!is_cuda(node_text(image, "")) || strcmp(restart, "Always") != 0 ||
        node_get(container, "command") || node_get(container, "args") ||
        is_true(node_get(container, "stdin")) || is_true(node_get(container, "tty")))
        return;
    f = lint_find(l, RULE_IMAGE_NO_COMMAND, spot_of(w->doc, image),
                  "container '%s' of %s has no command, and '%s' ends at once without one: the pod "
                  "restarts for ever with a GPU in its hand",
                  node_text(node_get(container, "name"), ""), match_workload(l, w),
                  node_text(image, ""));
    finding_cure(l, f, "say what it runs by command or args");
    command = finding_choose(l, f, "command", "what the container is to run, as a shell line");
    if (command)
        fix_put(l, f, w->doc, lint_printf(l, "%s.containers[%zu]", w->pod_path, index), "command",
                lint_printf(l, "- /bin/sh\n- -c\n- |-\n  %s", command));
}

/* "-arm64" and the like at the end of a tag. */
static const char *arch_of(const char *tag)
{
    static const char *const names[][2] = {
        {"arm64", "arm64"}, {"aarch64", "arm64"}, {"amd64", "amd64"}, {"x86_64", "amd64"}};
    size_t length = strlen(tag);

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t n = strlen(names[i][0]);

        if (length > n && strcmp(tag + length - n, names[i][0]) == 0 && tag[length - n - 1] == '-')
            return names[i][1];
    }
    return NULL;
}

static void check_arch(struct lint *l, const struct workload *w, const struct yaml_node *node)
{
    const char *image = node_text(node, ""), *arch = arch_of(tag_of(image));
    const char *wanted = node_text(node_get(w->node_selector, "kubernetes.io/arch"), "");
    const struct pool *p, *found = NULL;
    size_t at = 0;
    struct finding *f;

    if (!arch || !w->gpu || strcmp(wanted, arch) == 0)
        return;
    while ((p = match_next(l, w, &at))) {
        if (p->others || p->types_open)
            return;
        for (size_t i = 0; i < p->n_types; i++)
            if (strcmp(p->types[i]->arch, arch) == 0)
                return;
        if (p->n_types > 0)
            found = p;
    }
    if (!found)
        return;
    f = lint_find(l, RULE_POD_ARCH, spot_of(w->doc, node),
                  "image '%s' is for %s, and every type that pool '%s' may buy for it has %s CPUs",
                  image, arch, found->name, found->types[0]->arch);
    finding_cure(l, f, "use an image for %s, or of all architectures", found->types[0]->arch);
}

void check_image(struct lint *l, const struct workload *w)
{
    const struct yaml_node *init = node_get(w->pod, "initContainers");
    size_t n_init = init && init->kind == YAML_LIST ? init->count : 0;
    const struct yaml_node *container;
    bool starts;

    for (size_t i = 0; (container = match_container(w, i, &starts)); i++) {
        const struct yaml_node *image = node_get(container, "image");

        if (!image || text_is_placeholder(node_text(image, "")))
            continue;
        check_version(l, w, image);
        check_arch(l, w, image);
        if (!starts)
            check_command(l, w, container, i - n_init);
    }
}
