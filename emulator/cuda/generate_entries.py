#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a driver's libcuda.so.1 exports, as C and as a version script, from a capture of a real one.

usage: generate_entries.py CAPTURE.csv ENTRIES.c EXPORTS.map

The C file has the table of cuGetProcAddress and, for every symbol, a weak definition that answers NOT_SUPPORTED:
whoever implements a symbol just defines it.
"""
import csv
import pathlib
import sys

HEAD = """/* Made by emulator/cuda/generate_entries.py from the capture: do not edit. */
#include "cuda/entry.h"

#define STUB(name)                                                              \\
    __attribute__((weak, visibility("default"))) int name(void);                \\
    int name(void)                                                              \\
    {                                                                           \\
        return ENTRY_NOT_SUPPORTED;                                             \\
    }
"""


def rows(path):
    lines = [line for line in pathlib.Path(path).read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


def order(row):
    """By name as strcmp sees it, then the plain variants, then by version."""
    return row["name"].encode(), row["streams"] == "per-thread", int(row["since"])


def main(capture, source, exports):
    answers = rows(capture)
    symbols = sorted({row["symbol"] for row in answers})
    table = sorted((row for row in answers if row["streams"] != "none"), key=order)
    out = [HEAD] + [f"STUB({symbol})" for symbol in symbols]
    out += ["", "const struct entry entries[] = {"]
    for row in table:
        per_thread = "true" if row["streams"] == "per-thread" else "false"
        out += [f'    {{"{row["name"]}", {row["since"]}, {per_thread}, {row["symbol"]}}},']
    out += ["};", "const size_t n_entries = sizeof entries / sizeof entries[0];", ""]
    pathlib.Path(source).write_text("\n".join(out))
    names = "\n".join(f"        {symbol};" for symbol in symbols)
    pathlib.Path(exports).write_text("{\n    global:\n" + names + "\n    local:\n        *;\n};\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
