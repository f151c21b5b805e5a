# SPDX-License-Identifier: Apache-2.0
"""The readers of nvidia-smi's tables, on what a real H100 gave (fixtures/), and the wire format."""
import copy
import pathlib

import pytest

import messages
import smi

FIXTURES = pathlib.Path(__file__).resolve().parent / "fixtures"
PROFILES = smi.parse_profiles((FIXTURES / "h100-lgip.txt").read_text())
PLACES = smi.parse_placements((FIXTURES / "h100-lgipp.txt").read_text())


def board():
    return {"gpus": [0], "profiles": [
        dict(numbers, id=ident, memory_mib=round(float(numbers["gib"]) * 1024),
             starts=PLACES[0][ident][0], size=PLACES[0][ident][1])
        for ident, numbers in PROFILES[0].items()]}


def test_reads_profiles():
    assert sorted(PROFILES[0]) == [0, 5, 9, 14, 15, 19, 20]
    assert PROFILES[0][20] == {
        "name": "1g.10gb+me", "free": 1, "total": 1, "gib": "9.75", "p2p": False, "sm": 16,
        "decoders": 1, "encoders": 0, "copy_engines": 1, "jpeg_engines": 1, "ofa_engines": 1}


def test_reads_placements():
    assert PLACES[0][15] == ([0, 2, 4, 6], 2)
    assert PLACES[0][0] == ([0], 8)


@pytest.mark.parametrize("text", ["|=====|\n|  0  MIG what is this |\n", "|==|\nNo MIG devices\n",
                                  "No MIG-supported devices found.\n"])
def test_leaves_no_line_unread(text):
    with pytest.raises(ValueError):
        smi.parse_profiles(text)
    with pytest.raises(ValueError):
        smi.parse_placements(text)


def test_equal_tables_do_not_differ():
    assert smi.differences(PROFILES, PLACES, [board()]) == []


@pytest.mark.parametrize("key", ["name", "free", "total", "memory_mib", "p2p", "sm", "decoders",
                                 "encoders", "copy_engines", "jpeg_engines", "ofa_engines", "size",
                                 "starts"])
def test_every_field_counts(key):
    changed = board()
    profile = changed["profiles"][3]
    profile[key] = profile[key] + (("x" if key == "name" else [9] if key == "starts" else 128))
    assert len(smi.differences(PROFILES, PLACES, [changed])) == 1


def test_missing_profiles_and_gpus_count():
    short = board()
    removed = short["profiles"].pop()
    assert smi.differences(PROFILES, PLACES, [short]) == [
        f"GPU 0 profile {removed['id']}: only nvidia-smi has it"]
    assert smi.differences(PROFILES, PLACES, []) == ["GPU 0: only nvidia-smi has profiles"]
    fewer = copy.deepcopy(PROFILES)
    del fewer[0][9]
    assert smi.differences(fewer, PLACES, [board()]) == ["GPU 0 profile 9: only carve has it"]


def test_wire_format_keeps_messages():
    message = {"container_responses": [{
        "envs": [{"key": "A", "value": "b" * 300}], "mounts": [], "devices": [], "annotations": [],
        "cdi_devices": [{"name": "carve.dev/gpu=x"}]}]}
    data = messages.encode(messages.ALLOCATED, message)
    assert messages.decode(messages.ALLOCATED, data) == message
    with pytest.raises(ValueError):
        messages.decode(messages.ALLOCATED, data[:-1])
    with pytest.raises(ValueError):
        messages.decode(messages.ALLOCATED, b"\x12\x00")
