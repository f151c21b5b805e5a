# SPDX-License-Identifier: Apache-2.0
"""Reads a slice's page (docs/page-format.md), by the format's offsets and without carve's code."""
import pathlib
import struct

DEVICES, SLOTS = 16, 256
HEAD, COMMON, SLOTS_OFFSET = 0, 832, 896
SLOT_SIZE, USE_OFFSET, USE_SIZE = 128 + 16 * 64, 128, 64
ROUTES = {1: "linked", 2: "dlsym", 4: "proc-address", 8: "nvml", 16: "dlmopen"}


def read(path):
    """What the page at `path` says: limits, and a list of slots that are held."""
    data = pathlib.Path(path).read_bytes()
    n_devices = struct.unpack_from("<I", data, 36)[0]
    limits = [struct.unpack_from("<QQQ", data, 128 + 40 * i + 16) for i in range(n_devices)]
    slots = []
    for at in range(SLOTS_OFFSET, SLOTS_OFFSET + SLOTS * SLOT_SIZE, SLOT_SIZE):
        owner, _, pid, kind, routes, _ = struct.unpack_from("<QQIIII", data, at)
        if not owner:
            continue
        attach_ns, launches, allocations, frees, uncounted = struct.unpack_from("<5Q", data, at + 48)
        uses = []
        for use in range(n_devices):
            tracked, asking, managed, overhead, contexts, asked, measured, refused, refused_bytes = \
                struct.unpack_from("<QQQqIIIIQ", data, at + USE_OFFSET + use * USE_SIZE)
            uses.append({"tracked": tracked, "asking": asking, "managed": managed, "overhead": overhead,
                         "contexts": contexts, "asked": asked, "measured": measured, "refused": refused,
                         "refused_bytes": refused_bytes})
        slots.append({"pid": pid, "kind": kind, "attach_ns": attach_ns, "launches": launches,
                      "routes": [name for bit, name in ROUTES.items() if routes & bit],
                      "allocations": allocations, "frees": frees, "uncounted": uncounted, "use": uses})
    return {"limits": [{"limit": l, "total": t, "context": c} for l, t, c in limits], "slots": slots}


def used(page, device=0):
    """Bytes charged to the slice on a device."""
    return sum(max(0, s["use"][device]["tracked"] + s["use"][device]["overhead"]) for s in page["slots"])
