# SPDX-License-Identifier: Apache-2.0
"""Programs that others wrote read the emulated boards, MIG devices included."""
import json
import re

import pytest
from conftest import create, set_mig

NODES = {"p4d.24xlarge": 8, "p5.48xlarge": 8, "g7e.2xlarge": 1, "g6.12xlarge": 4, "g6.xlarge": 1, "g5.xlarge": 1,
         "g4dn.xlarge": 1, "h200-x2": 2}


def run(machine, *words):
    client = machine.python(*words)
    out, errors = client.communicate(timeout=120)
    assert client.returncode == 0 and "Traceback" not in errors, errors
    return out


@pytest.mark.parametrize("node, count", NODES.items())
def test_gpustat_reads_every_node(machine, node, count):
    machine.open(node)
    shown = json.loads(run(machine, "-m", "gpustat", "--json"))
    assert shown["driver_version"] == "580.159.04" and len(shown["gpus"]) == count
    for gpu in shown["gpus"]:
        assert gpu["memory.total"] > 15000 and gpu["power.draw"] > 0 and gpu["utilization.gpu"] == 0
        assert gpu["processes"] == []


@pytest.mark.parametrize("node, count", NODES.items())
def test_nvitop_reads_every_node(machine, node, count):
    machine.open(node)
    out = run(machine, "-m", "nvitop", "-1")
    assert "Driver Version: 580.159.04" in out
    assert len(re.findall(r"^│ +\d+ .* 00000000:..:..\.0 ", out, re.M)) == count


def test_both_read_mig_devices_and_processes(machine):
    import os
    gpu = machine.open()[0]
    set_mig(gpu, True)
    made = [create(gpu, profile_id)[2] for profile_id in (19, 14, 9)]
    machine.control("process", "add", 0, os.getpid(), "--gi", made[2], "--ci", 0, "--memory", "1Gi")
    machine.control("process", "add", 1, os.getpid(), "--memory", "3Gi")
    out = run(machine, "-m", "nvitop", "-1")
    rows = re.findall(r"^│ 0:(\d) +(\S+) @ GI/CI: *(\d+)/0 *│ +(\S+) / +(\S+) │", out, re.M)
    assert {(name, int(gi)) for _, name, gi, _, _ in rows} == {("1g.5gb", made[0]), ("2g.10gb", made[1]), ("3g.20gb", made[2])}
    assert {used for _, name, _, used, _ in rows if name == "3g.20gb"} == {"1024MiB"}
    assert re.search(rf"│ 0:\d +{os.getpid()} C ", out) and re.search(rf"│ +1 +{os.getpid()} C ", out)
    shown = json.loads(run(machine, "-m", "gpustat", "--json"))
    assert shown["gpus"][0]["utilization.gpu"] is None  # as a real board in MIG mode
    assert shown["gpus"][1]["memory.used"] >= 3072
    assert [p["gpu_memory_usage"] for p in shown["gpus"][1]["processes"]] == [3072]
