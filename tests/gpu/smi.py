# SPDX-License-Identifier: Apache-2.0
"""What nvidia-smi says, read from its tables."""
import csv
import io
import re

FIELDS = ("index", "uuid", "name", "memory.total", "pci.bus_id", "mig.mode.current",
          "mig.mode.pending", "driver_version")

_FIRST = re.compile(r"^\|\s+(\d+)\s+MIG (\S+)\s+(\d+)\s+(\d+)/(\d+)\s+([\d.]+)\s+(Yes|No)"
                    r"\s+(\d+)\s+(\d+)\s+(\d+)\s+\|$")
_SECOND = re.compile(r"^\|\s+(\d+)\s+(\d+)\s+(\d+)\s+\|$")
_PLACES = re.compile(r"^GPU\s+(\d+) Profile ID\s+(\d+) Placements?\s*: \{([\d,]+)\}:(\d+)$")


def parse_query(text):
    """--query-gpu=FIELDS --format=csv,noheader,nounits: one dictionary a GPU."""
    rows = list(csv.reader(io.StringIO(text), skipinitialspace=True))
    if not rows or any(len(row) != len(FIELDS) for row in rows):
        raise ValueError(f"nvidia-smi answers in another form: {text[:200]!r}")
    return [dict(zip(FIELDS, row)) for row in rows]


def bus_id(text):
    """nvidia-smi's 00000000:00:06.0 as the kernel writes it, 0000:00:06.0."""
    domain, rest = text.lower().split(":", 1)
    return f"{int(domain, 16):04x}:{rest}"


def parse_profiles(text):
    """mig -lgip: {gpu: {profile id: numbers}}; the lines that are no frame must all be read."""
    found, last = {}, None
    lines = [line.rstrip() for line in text.splitlines()]
    start = next((n for n, line in enumerate(lines) if line.startswith("|==")), None)
    if start is None:
        raise ValueError(f"nvidia-smi mig -lgip answers in another form: {text[:200]!r}")
    for line in lines[start + 1:]:
        first, second = _FIRST.match(line), _SECOND.match(line)
        if first:
            gpu, name, ident, free, total, gib, p2p, sm, dec, enc = first.groups()
            last = {"name": name, "free": int(free), "total": int(total), "gib": gib,
                    "p2p": p2p == "Yes", "sm": int(sm), "decoders": int(dec),
                    "encoders": int(enc)}
            found.setdefault(int(gpu), {})[int(ident)] = last
        elif second and last and "copy_engines" not in last:
            last["copy_engines"], last["jpeg_engines"], last["ofa_engines"] = map(
                int, second.groups())
        elif line and not line.startswith("+--"):
            raise ValueError(f"a line of nvidia-smi mig -lgip that cannot be read: {line!r}")
    return found


def parse_placements(text):
    """mig -lgipp: {gpu: {profile id: (starts, size)}}."""
    found = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        match = _PLACES.match(line)
        if not match:
            raise ValueError(f"a line of nvidia-smi mig -lgipp that cannot be read: {line!r}")
        gpu, ident, starts, size = match.groups()
        found.setdefault(int(gpu), {})[int(ident)] = ([int(s) for s in starts.split(",")],
                                                      int(size))
    return found


def differences(smi_profiles, smi_places, boards):
    """Field by field: what carve's boards (`carve gpus --profiles -o json`) say otherwise."""
    found, seen = [], set()
    for board in boards:
        for gpu in board["gpus"]:
            theirs, places = dict(smi_profiles.get(gpu, {})), smi_places.get(gpu, {})
            seen.add(gpu)
            for ours in board["profiles"]:
                where = f"GPU {gpu} profile {ours['id']}"
                other = theirs.pop(ours["id"], None)
                if other is None:
                    found.append(f"{where}: only carve has it")
                    continue
                same = dict(ours, gib=f"{ours['memory_mib'] / 1024:.2f}")
                for key, value in other.items():
                    if same[key] != value:
                        found.append(f"{where} {key}: carve {same[key]}, nvidia-smi {value}")
                if places.get(ours["id"]) != (ours["starts"], ours["size"]):
                    found.append(f"{where} placements: carve {ours['starts']}:{ours['size']}, "
                                 f"nvidia-smi {places.get(ours['id'])}")
            found += [f"GPU {gpu} profile {ident}: only nvidia-smi has it" for ident in theirs]
    found += [f"GPU {gpu}: only nvidia-smi has profiles" for gpu in smi_profiles.keys() - seen]
    return found
