/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of `carve doctor` share. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

struct node_facts;
struct node_report;

int doctor_node_run(int argc, char **argv);

/* Both print the report and return an exit code: whether the node is fit. */
int doctor_node_table(const struct node_report *r, const struct node_facts *f);
int doctor_node_json(const struct node_report *r, const struct node_facts *f);

#endif
