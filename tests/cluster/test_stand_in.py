# SPDX-License-Identifier: Apache-2.0
"""The stand-in API server of tests/gateway against the real one: the same requests, the same answers."""
import json
import pathlib
import subprocess
import sys

GATEWAY = pathlib.Path(__file__).resolve().parent.parent / "gateway"
sys.path.append(str(GATEWAY))

import apiserver  # noqa: E402  pylint: disable=wrong-import-position
import script     # noqa: E402  pylint: disable=wrong-import-position


def ask(command, kubeconfig):
    done = subprocess.run([*command, "/usr/bin/python3", GATEWAY / "ask.py", kubeconfig], check=True, text=True,
                          input=json.dumps(script.REQUESTS), capture_output=True)
    return json.loads(done.stdout)


def test_same_answers(cluster, tmp_path):
    program = pathlib.Path(__file__).parent / "cluster"
    subprocess.run([program, "stop", cluster.folder, "kube-controller-manager"], check=True)  # it writes nodes as well
    try:
        real = ask([program, "exec", cluster.folder], cluster.folder / "conf/admin")
    finally:
        subprocess.run([program, "start", cluster.folder, "kube-controller-manager"], check=True)
    with apiserver.APIServer() as stand_in:
        ours = ask([], stand_in.kubeconfig(tmp_path))
    wrong = []
    for request, his, mine in zip(script.REQUESTS, real, ours):
        if script.normal(his) != script.normal(mine):
            wrong.append(request)
            print(request, f"real: {script.normal(his)}", f"stand-in: {script.normal(mine)}",
                  f"real's words: {his[1].get('message') if isinstance(his[1], dict) else his[1]}", sep="\n  ")
    assert not wrong
