# SPDX-License-Identifier: Apache-2.0
"""`carve gpus`: from carved and directly, in every form, and its numbers against a real board's."""
import json
import os
import pathlib
import re

import pytest

from conftest import Carve, mixed, wait_for

MAN = pathlib.Path(__file__).resolve().parents[2] / "man"

# What real boards with MIG off tell, driver 580.159.04 (H100: as `nvidia-smi mig -lgip` and `-lgipp`
# print it; H200: as NVML answers): id, name, free/total, GiB, SM, DEC, ENC, CE, JPEG, OFA, placements.
REAL = {
    "p5.48xlarge": ("GPUs 0-7: NVIDIA H100 80GB HBM3", """
19 1g.10gb    7/7 9.75  16  1 0 1 1 0 {0,1,2,3,4,5,6}:1
20 1g.10gb+me 1/1 9.75  16  1 0 1 1 1 {0,1,2,3,4,5,6}:1
15 1g.20gb    4/4 19.62 26  1 0 1 1 0 {0,2,4,6}:2
14 2g.20gb    3/3 19.62 32  2 0 2 2 0 {0,2,4}:2
9  3g.40gb    2/2 39.50 60  3 0 3 3 0 {0,4}:4
5  4g.40gb    1/1 39.50 64  4 0 4 4 0 {0}:4
0  7g.80gb    1/1 79.25 132 7 0 8 7 1 {0}:8
"""),
    "h200-x2": ("GPUs 0-1: NVIDIA H200", """
19 1g.18gb    7/7 16.00  16  1 0 1 1 0 {0,1,2,3,4,5,6}:1
20 1g.18gb+me 1/1 16.00  16  1 0 1 1 1 {0,1,2,3,4,5,6}:1
15 1g.35gb    4/4 32.50  26  1 0 1 1 0 {0,2,4,6}:2
14 2g.35gb    3/3 32.50  32  2 0 2 2 0 {0,2,4}:2
9  3g.71gb    2/2 69.75  60  3 0 3 3 0 {0,4}:4
5  4g.71gb    1/1 69.75  64  4 0 4 4 0 {0}:4
0  7g.141gb   1/1 140.00 132 7 0 8 7 1 {0}:8
"""),
}


def test_is_read_directly_without_carved(carve):
    out = carve("gpus")
    assert "(read directly; carved is not running)" in carve.stderr
    assert out.count("NVIDIA A100-SXM4-40GB") == 8 and "0000:10:1c.0" in out


def test_carved_tells_the_same(carved, carve):
    direct = carve.json("gpus")
    assert not direct["carved"]
    carved(mixed(), with_kubelet=False)
    carve("mig", "apply", "-c", "all-balanced")
    told = carve.json("gpus")
    assert told["carved"] and carve.stderr == ""
    assert [g["uuid"] for g in told["gpus"]] == [g["uuid"] for g in direct["gpus"]]
    assert {r["name"]: r["slices"] for r in told["resources"]} == {
        "nvidia.com/mig-1g.5gb": 16, "nvidia.com/mig-2g.10gb": 8, "nvidia.com/mig-3g.20gb": 8}
    table = carve("gpus", 0)
    assert re.search(r"0:\d +3g\.20gb +MIG-\S+ +at 4 size 4 .* gi \d+ ci 0", table)
    assert re.search(r"nvidia.com/mig-1g.5gb +16 +16", table)


@pytest.mark.parametrize("name", REAL)
def test_profiles_equal_a_real_board(emulated_node, name):
    carve = Carve(emulated_node(name))
    title, table = REAL[name]
    out = carve("gpus", "--profiles").splitlines()
    assert out[0] == f"{title}, MIG off"
    rows = {row.split()[0]: row.split() for row in out[2:]}
    expected = [line.split() for line in table.strip().splitlines()]
    boards = carve.json("gpus", "--profiles")["boards"]
    told = {p["name"]: p for p in boards[0]["profiles"]}
    assert len(boards) == 1
    assert set(told) == set(rows) == {row[1] for row in expected}
    for number, profile, free, memory, *rest in expected:
        assert rows[profile] == [profile, number, free, memory, "no", *rest]
        assert told[profile]["id"] == int(number)
        assert f"{told[profile]['memory_mib'] / 1024:.2f}" == memory


def test_free_places_are_counted(carved, carve):
    carved(mixed(), with_kubelet=False)
    carve("mig", "apply", "-c", "all-balanced")
    free = {p["name"]: p["free"] for p in carve.json("gpus", "--profiles")["boards"][0]["profiles"]}
    assert free == {"1g.5gb": 0, "1g.5gb+me": 0, "1g.10gb": 0, "2g.10gb": 0, "3g.20gb": 0,
                    "4g.20gb": 0, "7g.40gb": 0}
    carve("mig", "apply", "-c", "all-2g.10gb")
    boards = carve.json("gpus", "--profiles")["boards"]
    free = {p["name"]: p["free"] for p in boards[0]["profiles"]}
    assert (free["1g.5gb"], free["1g.10gb"], free["2g.10gb"]) == (1, 1, 0)


def test_layouts_and_what_they_leave(carve):
    layouts = carve.json("gpus", "--layouts")["boards"]
    assert len(layouts) == 1 and len(layouts[0]["layouts"]) == 38
    by_name = {json.dumps(k["instances"], sort_keys=True): k for k in layouts[0]["layouts"]}
    seven = by_name['{"1g.5gb": 7}']
    assert (seven["unused_memory_mib"], seven["unused_sm"]) == (40192 - 7 * 4864, 0)
    two = by_name['{"3g.20gb": 2}']
    assert (two["unused_memory_mib"], two["unused_sm"]) == (40192 - 2 * 19968, 14)
    assert "7 x 1g.5gb" in carve("gpus", "--layouts")


def test_topology(carve):
    links = carve.json("gpus", "--topology")["links"]
    assert len(links) == 8 and links[0][0] == "X" and links[0][7] == "NV12"
    assert carve("gpus", "--topology").splitlines()[1].split()[:3] == ["GPU0", "X", "NV12"]


@pytest.mark.parametrize("words", [["3"], ["0000:20:1d.0"], ["uuid"]])
def test_a_gpu_can_be_named(carve, words):
    third = carve.json("gpus")["gpus"][3]
    if words == ["uuid"]:
        words = [third["uuid"]]
    assert carve.json("gpus", *words)["gpus"] == [third]


def test_lines_fit_a_wide_terminal(carved, carve):
    carved(mixed(), with_kubelet=False)
    carve("mig", "apply", "-c", "all-1g.5gb")
    for words in ([], ["--profiles"], ["--layouts"], ["--topology"]):
        assert max(map(len, carve("gpus", *words).splitlines())) <= 120
    assert max(map(len, carve("mig", "show").splitlines())) <= 80


def test_json_names_what_is_not_known(emulated_node):
    told = Carve(emulated_node("h200-x2")).json("gpus")["gpus"]
    assert told[0]["numa_node"] is None and told[0]["processes"] == []


def test_processes_and_faults(carved, carve, node):
    carved(mixed(), with_kubelet=False)
    node.emulator("process", "add", 1, os.getpid(), "--memory", "3Gi")
    node.emulator("lose", 2)
    wait_for(lambda: carve.json("gpus", 2)["gpus"][0]["fault"], "the fault")
    process = wait_for(lambda: carve.json("gpus", 1)["gpus"][0]["processes"], "the process")[0]
    assert process["pid"] == os.getpid() and process["memory_bytes"] == 3 << 30
    assert process["gi"] is None and process["ci"] is None
    with open("/proc/self/comm", encoding="utf-8") as comm:
        assert process["name"] == comm.read().strip()
    out = carve("gpus")
    assert f"process {os.getpid()} ({process['name']})" in out and "3072 MiB" in out
    assert "fault: " in out


def test_a_refused_configuration_is_told(carved, carve):
    run = carved(mixed(), with_kubelet=False)
    run.configure("version: v1\nflags: {migStrategy: some}\n")
    wait_for(lambda: run.state().config.error, "the refusal")
    carve("gpus")
    warning = carve.stderr
    assert warning.startswith("carve: warning: configuration not in force: ") and "'some'" in warning
    assert warning.count(str(run.config)) == 1
    told = carve.json("gpus")["configuration"]
    assert told["last_good"] and "'some'" in told["error"] and told["file"] == str(run.config)
    assert any("'some'" in finding for finding in told["findings"]) and told["notes"] == []
    run.configure(mixed())
    wait_for(lambda: not run.state().config.error, "the mended configuration")
    told = carve.json("gpus")["configuration"]
    assert told["error"] is None and not told["last_good"] and told["findings"] == []


def test_a_name_cannot_write_to_the_terminal(carve, node):
    with open("/proc/self/comm", encoding="utf-8") as comm:
        name = comm.read().strip()
    try:
        with open("/proc/self/comm", "w", encoding="utf-8") as comm:
            comm.write("a\x1b[2Jb")
        node.emulator("process", "add", 0, os.getpid())
        out = carve("gpus")
        assert "a?[2Jb" in out and "\x1b" not in out
        assert carve.json("gpus", 0)["gpus"][0]["processes"][0]["name"] == "a\x1b[2Jb"
    finally:
        with open("/proc/self/comm", "w", encoding="utf-8") as comm:
            comm.write(name)


def test_boards_without_mig(emulated_node):
    carve = Carve(emulated_node("g6.12xlarge"))
    assert carve("gpus", "--profiles") == "GPUs 0-3: NVIDIA L4, no MIG\n"
    assert carve("mig", "show") == "GPUs 0-3: NVIDIA L4, no MIG\n"
    assert carve.json("gpus", "--layouts")["boards"][0]["layouts"] == []


@pytest.mark.parametrize("words, told", [
    (["gpus", "9"], "this node has no GPU '9'"),
    (["gpus", "-o", "xml"], "unknown output format 'xml'"),
    (["gpus", "--layouts", "--profiles"], "give only one of"),
    (["gpus", "--nonsense"], "unrecognized option"),
    (["mig", "paint"], "no verb 'paint'"),
    (["nonsense"], "no verb 'nonsense'"),
    (["mig", "apply", "-f", "/nowhere/mig.yaml"], "/nowhere/mig.yaml"),
])
def test_what_cannot_be_done_ends_with_2(carve, words, told):
    assert told in carve(*words, code=2)


def test_a_driver_that_is_not_there(carve, node):
    node.hide_driver()
    told = carve("gpus", code=2, environment={"LD_LIBRARY_PATH": ""})
    assert told.startswith("carve: ") and "libnvidia-ml.so.1" in told


VERBS = [["gpus"], ["mig", "show"], ["mig", "apply"], ["mig", "assert"], ["mig", "export"],
         ["mig", "configs"], ["ps"]]


def test_help_and_version(carve):
    assert re.fullmatch(r"carve \d+\.\d+\.\d+\n", carve("--version"))
    out = carve("--help")
    assert all(verb in out for verb in ("gpus", "mig", "ps", "demo"))
    assert "assert" in carve("mig", "--help")


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_the_manual_has_every_option(carve, verb):
    told = carve(*verb, "--help")
    assert f"carve {' '.join(verb)}" in told
    page = (MAN / f"carve-{verb[0]}.1.scd").read_text(encoding="utf-8")
    options = set(re.findall(r"--[a-z-]+", told)) - {"--help", "--usage", "--version"}
    assert options and all(f"*{option}*" in page for option in options), options


def test_the_manual_has_no_option_more(carve):
    told = "".join(carve(*verb, "--help") for verb in VERBS)
    for name in ("gpus", "mig", "ps"):
        page = (MAN / f"carve-{name}.1.scd").read_text(encoding="utf-8")
        described = re.findall(r"\*(--[a-z-]+)\*", page)
        assert described and all(option in told for option in described)


def test_lists_faults(carve, carved, node):
    run = carved()
    run.wait_log("watching for events")
    assert carve.json("gpus")["faults"] == []
    node.emulator("xid", 3, 79)
    node.emulator("xid", 4, 94)
    wait_for(lambda: len(run.state().faults) == 2, "two faults")
    first, second = carve.json("gpus")["faults"]
    assert (first["gpu"], first["xid"], first["needs"], first["slices"]) == (3, 79, "reboot", 1)
    assert second["needs"] == "nothing" and second["gi"] is None and second["cause"] and second["cure"]
    table = carve("gpus")
    assert "FAULT" in table and "fallen off the bus" in table and "reboot" in table
