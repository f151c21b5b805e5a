# SPDX-License-Identifier: Apache-2.0
"""Programs over CUDA that others wrote: cuda-bindings, NVIDIA's Python layer, does a good round (cuda_round.py)."""
import json
import pathlib

ROUND = pathlib.Path(__file__).with_name("cuda_round.py")


def test_cuda_bindings_does_a_good_round(machine):
    machine.set("CARVE_EMULATOR_NODE", "p5.48xlarge")
    client = machine.python(ROUND)
    out, errors = client.communicate(timeout=120)
    assert client.returncode == 0, errors
    assert json.loads(out) == {
        "name": "NVIDIA H100 80GB HBM3", "alloc_mib": 100, "copied": True, "left_mib": 0,
        "too_much": "CUDA_ERROR_OUT_OF_MEMORY", "pool_mib": 32, "pool_left": 0, "grain": 2 << 20,
        "mapped": [7, 7, 7, 7], "busy": "CUDA_ERROR_NOT_READY", "elapsed_ms": 3.0, "nodes": 2, "graph_ms": 2.0}
