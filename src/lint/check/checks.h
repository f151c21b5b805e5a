/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of a run; each reads the system and adds findings. See docs/rules. */
#ifndef LINT_CHECKS_H
#define LINT_CHECKS_H

struct lint;

void check_text(struct lint *l);     /* texts that cannot be read as they were meant */
void check_schema(struct lint *l);   /* fields, types, versions */
void check_pool(struct lint *l);     /* NodePools alone */
void check_class(struct lint *l);    /* EC2NodeClasses */
void check_overlay(struct lint *l);  /* NodeOverlays, alone and in pairs */
void check_workload(struct lint *l); /* pods: resources, tolerations, selectors, images */
void check_reach(struct lint *l);    /* pods against pools: what stays pending, what is bought */
void check_plugin(struct lint *l);   /* device plugin configuration */
void check_plugin_install(struct lint *l); /* how the set installs the plugin */
void check_plugin_nodes(struct lint *l);   /* whether it comes onto the nodes */
void check_plugin_choice(struct lint *l);  /* which of its configurations it takes */
void check_sharing(struct lint *l);        /* time-slicing */
void check_strategy(struct lint *l);       /* resources' names against MIG strategy and renaming */
void check_mig(struct lint *l);      /* MIG configurations that are wished for, and their slices */
void check_mig_file(struct lint *l); /* mig-parted's files */
void check_helm(struct lint *l);     /* releases and their values */
void check_helm_command(struct lint *l);  /* helm's repositories, flags and files */
void check_kubectl(struct lint *l);       /* names that kubectl is given */
void check_kubectl_space(struct lint *l); /* namespaces */
void check_kubectl_url(struct lint *l);   /* addresses that it applies */
void check_kubectl_file(struct lint *l);  /* files that it applies */
void check_shell(struct lint *l);         /* commands around all that */
void check_bounds(struct lint *l);        /* says if the set was too large for some of these */

#endif
