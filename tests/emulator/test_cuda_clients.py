# SPDX-License-Identifier: Apache-2.0
"""Programs over CUDA that others wrote: cuda-bindings, NVIDIA's Python layer, does a good round (cuda_round.py)."""
import json
import pathlib

ROUND, WORDS = (pathlib.Path(__file__).with_name(name) for name in ("cuda_round.py", "cuda_words.py"))


def said(machine, script):
    machine.set("CARVE_EMULATOR_NODE", "p5.48xlarge")
    client = machine.python(script)
    out, errors = client.communicate(timeout=120)
    assert client.returncode == 0, errors
    return json.loads(out)


def test_cuda_bindings_does_a_good_round(machine):
    assert said(machine, ROUND) == {
        "name": "NVIDIA H100 80GB HBM3", "alloc_mib": 100, "copied": True, "left_mib": 0,
        "too_much": "CUDA_ERROR_OUT_OF_MEMORY", "pool_mib": 32, "pool_left": 0, "grain": 2 << 20,
        "mapped": [7, 7, 7, 7], "busy": "CUDA_ERROR_NOT_READY", "elapsed_ms": 3.0, "nodes": 2, "graph_ms": 2.0}


def test_codes_have_the_runtimes_words(machine):
    codes = said(machine, WORDS)
    known = {name: [words, runtime.replace("cured", "curred")] for name, (own, words, runtime) in codes.items()
             if own and runtime}
    assert len(known) > 90 and all(name == own for name, (own, _, _) in codes.items() if own)
    assert {name: pair for name, pair in known.items() if pair[0] != pair[1]} == {}
