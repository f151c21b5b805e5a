#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""C tables for the emulator: MIG geometry from mig-profiles.json, node and board texts.

usage: generate.py MIG-PROFILES.json OUTPUT.c BOARDS NODE...

A profile with any unknown value (null) is left out: the emulator never invents geometry.
"""
import json
import pathlib
import sys

MOST_PROFILES = 12  # NODE_MAX_PROFILES of node.h
ARCHITECTURES = {"turing": 6, "ampere": 7, "ada": 8, "hopper": 9, "blackwell": 10}
NEEDED = ("name", "nvml_profile_enum", "gi_profile_id", "compute_slices", "max_instances", "placement_size",
          "placement_starts", "sm", "ce", "dec", "enc", "jpg", "ofa", "mem_mib")


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def profile(entry):
    starts = sum(1 << start for start in entry["placement_starts"])
    numbers = [entry[key] for key in ("nvml_profile_enum", "gi_profile_id", "compute_slices", "max_instances",
                                      "placement_size")]
    numbers += [starts] + [entry[key] for key in ("sm", "ce", "dec", "enc", "jpg", "ofa", "mem_mib")]
    return "    {%s, %s}," % (quoted(entry["name"]), ", ".join(map(str, numbers)))


def geometry(gpu, count):
    major, minor = gpu["compute_capability"].split(".")
    pci = gpu["pci_device_ids"][0] if gpu["pci_device_ids"] else "0"
    reset = "true" if gpu["mig_mode_change_needs_gpu_reset"] else "false"
    label = gpu["key"].replace("-", "_")
    return (f"    {{{quoted(gpu['key'])}, {quoted(gpu['names'][0])}, {pci}, {ARCHITECTURES[gpu['arch']]}, "
            f"{major}, {minor}, {gpu['memory_axis'] or 0}, {gpu['compute_slices']}, {reset}, {count}, "
            f"{'profiles_' + label if count else 'NULL'}}},")


def shapes(table):
    """How compute instances of n slices lie in a GPU instance of g slices."""
    rows = []
    for outer in (key for key in table if key.isdigit()):
        for inner, starts in table[outer].items():
            rows.append(f"    {{{outer}, {inner}, {len(starts)}, {sum(1 << start for start in starts)}}},")
    return rows


def text(path):
    """The file without comments, blank lines and indentation, as C string pieces."""
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [quoted(line + "\n").replace("\n", "\\n") for line in lines if line]


def main(profiles, output, boards, *nodes):
    out = ["/* Made by emulator/generate.py from data/: do not edit. */", '#include "node.h"', ""]
    table = []
    document = json.loads(pathlib.Path(profiles).read_text())
    for gpu in document["gpus"]:
        known = [entry for entry in gpu["profiles"] if all(entry.get(key) is not None for key in NEEDED)]
        if known:
            out += [f"static const struct profile profiles_{gpu['key'].replace('-', '_')}[] = {{"]
            out += [profile(entry) for entry in known] + ["};", ""]
            assert len(known) <= MOST_PROFILES, gpu["key"]
        table.append(geometry(gpu, len(known)))
    out += ["const struct geometry geometries[] = {"] + table + ["};"]
    out += ["const size_t n_geometries = sizeof geometries / sizeof geometries[0];", ""]
    out += ["const struct compute_shape compute_shapes[] = {"] + shapes(document["compute_instances"]) + ["};"]
    out += ["const size_t n_compute_shapes = sizeof compute_shapes / sizeof compute_shapes[0];", ""]
    out += ["const char boards_text[] ="] + text(pathlib.Path(boards)) + [";", ""]
    out += ["const struct named_text named_nodes[] = {"]
    for node in sorted(nodes):
        path = pathlib.Path(node)
        out += [f"{{{quoted(path.stem)},"] + text(path) + ["},"]
    out += ["};", "const size_t n_named_nodes = sizeof named_nodes / sizeof named_nodes[0];", ""]
    pathlib.Path(output).write_text("\n".join(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
